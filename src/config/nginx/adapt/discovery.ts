/** Where endpoints come from while it runs: `resolver`, `resolve` and `service=` of a `server`, and `grpc_discover`. */
import { isApiUrl, isNameServer } from "../../address.ts"
import { defaultResolver, discoveredEndpoint } from "../../defaults.ts"
import { type DiscoverySourceConfig, discoveryName } from "../../discovery-name.ts"
import type { DiscoveryConfig, EndpointConfig, ResolverConfig } from "../../model.ts"
import { didYouMean } from "../../problem.ts"
import type { Directive, Word } from "../ast.ts"
import { readSecondsMs } from "../units.ts"
import { type Adapter, filePath } from "./adapter.ts"

/** `resolver ADDRESS … [valid=TIME] [ipv4=on|off] [ipv6=on|off] [status_zone=ZONE]`. */
export function adaptResolver({ report }: Adapter, directive: Directive): ResolverConfig {
  const resolver = defaultResolver()
  for (const word of directive.args) {
    const [, name, value = ""] = /^(valid|ipv4|ipv6|status_zone)=(.*)$/s.exec(word.text) ?? []
    const wrong = (hint: string | null): void =>
      report.error(word.span, `invalid parameter "${word.text}"`, hint)
    if (name === "valid") {
      resolver.validMs = readSecondsMs(value) || null
      if (resolver.validMs === null) wrong("for instance valid=30s")
    } else if (name === "ipv4" || name === "ipv6") {
      if (value !== "on" && value !== "off") wrong(`${name}=on or ${name}=off`)
      resolver[name] = value === "on"
    } else if (name === undefined) {
      if (isNameServer(word.text)) resolver.servers.push(word.text)
      else
        report.error(
          word.span,
          `host not found in resolver "${word.text}"`,
          "an address, with a port or without",
        )
    }
  }
  if (!resolver.ipv4 && !resolver.ipv6)
    report.error(directive.name.span, '"ipv4" and "ipv6" cannot both be "off"')
  return resolver
}

/** The SRV records that `service=` asks for. Null when it is wrong; then it was reported. */
export function adaptService(
  { report }: Adapter,
  where: Word,
  word: Word,
  endpoint: EndpointConfig,
): DiscoveryConfig | null {
  const service = word.text.slice("service=".length)
  if (endpoint.host === null || /:\d+$/.test(where.text)) {
    report.error(where.span, `service upstream "${where.text}" may not have port`, null)
    return null
  }
  if (service === "") {
    report.error(word.span, `invalid parameter "${word.text}"`, "for instance service=grpc")
    return null
  }
  const { host } = endpoint
  const { address, port, unixPath } = discoveredEndpoint(`dns ${service} ${host}`)
  return {
    kind: "dns",
    host,
    service,
    settings: { ...endpoint, address, host: null, port, unixPath, hashKey: null },
  }
}

const KINDS = ["file", "etcd", "consul", "kubernetes"]

/** Sluice's own: `grpc_discover KIND …`. Null when it is wrong; then it was reported. */
export function adaptDiscover(
  adapter: Adapter,
  directive: Directive,
  readSetting: (word: Word, endpoint: EndpointConfig) => boolean,
): DiscoveryConfig | null {
  const { report } = adapter
  const [kind, ...words] = directive.args as [Word, ...Word[]]
  if (!KINDS.includes(kind.text)) {
    report.error(kind.span, `unknown source "${kind.text}"`, didYouMean(kind.text, KINDS) ?? KINDS.join(", "))
    return null
  }
  const settings = discoveredEndpoint("")
  const plain: Word[] = []
  const given = new Map<string, Word>()
  const tags: string[] = []
  let isRight = true
  for (const word of words) {
    const [, name] = /^([a-z_]+)=/.exec(word.text) ?? []
    if (name === "tag") tags.push(word.text.slice(4))
    else if (name !== undefined && PARAMETERS[kind.text]!.includes(name)) given.set(name, word)
    else if (name !== undefined || word.text === "backup" || word.text === "down")
      isRight = readSetting(word, settings) && isRight
    else plain.push(word)
  }
  const value = (name: string): string | null => {
    const word = given.get(name)
    return word === undefined ? null : word.text.slice(name.length + 1)
  }
  const file = (name: string): string | null => {
    const word = given.get(name)
    return word === undefined ? null : filePath(adapter, { ...word, text: value(name)! })
  }
  const needs = (name: string): string => {
    if (value(name)) return value(name)!
    report.error(directive.name.span, `"grpc_discover ${kind.text}" needs ${name}=`)
    isRight = false
    return ""
  }
  const urls = (): string[] => {
    for (const word of plain.filter(({ text }) => !isApiUrl(text))) {
      report.error(word.span, `"${word.text}" is no address of an API`, "for instance http://127.0.0.1:2379")
      isRight = false
    }
    if (plain.length === 0) {
      report.error(directive.name.span, `"grpc_discover ${kind.text}" needs an address`)
      isRight = false
    }
    return plain.map(({ text }) => text)
  }
  const tls = { caFile: file("ca"), certFile: file("cert"), keyFile: file("key") }
  const source = ((): DiscoverySourceConfig => {
    switch (kind.text) {
      case "file":
        return { kind: "file", path: plain[0] === undefined ? "" : (filePath(adapter, plain[0]) ?? "") }
      case "etcd":
        return {
          kind: "etcd",
          urls: urls(),
          prefix: needs("prefix"),
          user: value("user"),
          passwordFile: file("password_file"),
          ...tls,
        }
      case "consul": {
        const [url = ""] = urls()
        const more = { datacenter: value("dc"), tags, tokenFile: file("token_file"), ...tls }
        return { kind: "consul", url, service: needs("service"), ...more }
      }
      default: {
        const port = value("port")
        return {
          kind: "kubernetes",
          service: needs("service"),
          namespace: value("namespace"),
          port: port !== null && /^\d+$/.test(port) ? Number(port) : port,
          kubeconfig: file("kubeconfig"),
        }
      }
    }
  })()
  const most = kind.text === "etcd" ? Number.POSITIVE_INFINITY : kind.text === "kubernetes" ? 0 : 1
  for (const word of plain.slice(most)) {
    report.error(word.span, `invalid parameter "${word.text}"`)
    isRight = false
  }
  if (kind.text === "file" && plain.length === 0) {
    report.error(directive.name.span, '"grpc_discover file" needs a path')
    isRight = false
  }
  return isRight ? named(source, settings) : null
}

const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  file: [],
  etcd: ["prefix", "user", "password_file", "ca", "cert", "key"],
  consul: ["service", "dc", "token_file", "ca", "cert", "key"],
  kubernetes: ["service", "namespace", "port", "kubeconfig"],
}

function named(source: DiscoverySourceConfig, settings: EndpointConfig): DiscoveryConfig {
  return { ...source, settings: { ...settings, address: discoveryName(source) } }
}
