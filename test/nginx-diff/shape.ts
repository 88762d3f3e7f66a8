/** A configuration on ports that are free here: parsed, mapped, and printed for nginx and for Sluice. */

import type { Directive, Word } from "../../src/config/nginx/ast.ts"
import { parse } from "../../src/config/nginx/parser.ts"
import { Report } from "../../src/config/nginx/report.ts"
import { freePort } from "../support/free-port.ts"
import { writeListens } from "./listens.ts"
import type { Stubs } from "./stub.ts"

/** An address that the file listens on. */
export interface Listen {
  /** As the file has it. */
  readonly original: string
  readonly host: string
  readonly port: number
  readonly unixPath: string | null
  isTls: boolean
  isHttp2: boolean
  isProxied: boolean
  /** Of the servers on it, in file order. */
  readonly servers: Directive[]
}

export interface Shape {
  readonly name: string
  readonly directives: Directive[]
  readonly listens: Listen[]
  /** What was changed for a reason of this harness, by its name. */
  readonly rewritten: Map<string, number>
}

/** Reads a file. Errors: throws where it cannot be read. */
export function readShape(name: string, text: string): Directive[] {
  const report = new Report()
  const directives = parse(text, name, report)
  if (report.errors > 0) throw new Error(`${name}: ${report.problems[0]!.message}`)
  return changeable(directives)
}

/** With words that keep what they are changed to: those of a map's lines do not. */
function changeable(directives: readonly Directive[]): Directive[] {
  return directives.map(({ name, args, block }) => {
    return { name, args, block: block === null ? null : changeable(block) }
  })
}

const isV6 = /^\[[0-9a-f:]+\]/i

/** Maps listeners and backends to what is free here, in place. */
export async function mapShape(name: string, text: string, directory: string, stubs: Stubs): Promise<Shape> {
  const directives = readShape(name, text)
  const http = blockOf(directives, "http")
  writeListens(http)
  const servers = http.filter((each) => each.name.text === "server" && each.block !== null)
  const rewritten = new Map<string, number>()
  const ports = new Map<string, number>()
  const listens = new Map<string, Listen>()
  for (const server of servers) await mapListens(server, listens, ports, directory)
  const mapped = new Map<string, string>()
  const backend = async (written: string): Promise<string> => {
    const known = mapped.get(written)
    if (known !== undefined) return known
    const address = await mapBackend(written, ports, listens, directory, stubs)
    mapped.set(written, address)
    return address
  }
  await walk(http, async (directive, parents) => {
    const { name: word, args } = directive
    const first = args[0]
    if (first === undefined) return
    const isUpstreamServer = word.text === "server" && parents.at(-1)?.name.text === "upstream"
    if (isUpstreamServer) first.text = await backend(first.text)
    else if (word.text.endsWith("_pass"))
      first.text = await mapTarget(first.text, backend, upstreamNames(http))
    else if (word.text === "set" && /^\d{2,5}$/.test(args[1]?.text ?? "") && /port/i.test(first.text))
      args[1]!.text = (await backend(`127.0.0.1:${args[1]!.text}`)).replace(/^.*:/, "")
    else if (word.text === "set" && args[1] !== undefined)
      args[1].text = await mapValue(args[1].text, backend)
    else if (parents.some(({ name: outer }) => outer.text === "map" || outer.text === "split_clients"))
      first.text = await mapValue(first.text, backend)
  })
  return { name, directives, listens: [...listens.values()], rewritten }
}

export function blockOf(directives: Directive[], name: string): Directive[] {
  return directives.find((each) => each.name.text === name)?.block ?? []
}

function upstreamNames(http: Directive[]): Set<string> {
  return new Set(http.filter(({ name }) => name.text === "upstream").map(({ args }) => args[0]!.text))
}

async function walk(
  directives: Directive[],
  visit: (directive: Directive, parents: Directive[]) => Promise<void>,
  parents: Directive[] = [],
): Promise<void> {
  for (const directive of directives) {
    await visit(directive, parents)
    if (directive.block !== null) await walk(directive.block, visit, [...parents, directive])
  }
}

async function mapListens(
  server: Directive,
  listens: Map<string, Listen>,
  ports: Map<string, number>,
  directory: string,
): Promise<void> {
  const block = server.block!
  const isHttp2 = block.some(({ name, args }) => name.text === "http2" && args[0]?.text === "on")
  const own = block.filter(({ name }) => name.text === "listen")
  for (const directive of own) {
    const [where, ...parameters] = directive.args as [Word, ...Word[]]
    const original = where.text
    const has = (parameter: string): boolean => parameters.some(({ text }) => text === parameter)
    let listen = listens.get(original)
    if (listen === undefined) {
      listen = await newListen(original, ports, directory)
      listens.set(original, listen)
    }
    listen.servers.push(server)
    listen.isTls ||= has("ssl")
    listen.isHttp2 ||= has("http2") || isHttp2
    listen.isProxied ||= has("proxy_protocol")
    where.text = listen.unixPath !== null ? `unix:${listen.unixPath}` : `${listen.host}:${listen.port}`
  }
}

async function newListen(original: string, ports: Map<string, number>, directory: string): Promise<Listen> {
  const flags = { isTls: false, isHttp2: false, isProxied: false, servers: [] }
  if (original.startsWith("unix:")) {
    const unixPath = unixIn(directory, original)
    return { original, host: "", port: 0, unixPath, ...flags }
  }
  const written = /(?:^|:)(\d+)$/.exec(original.replace(isV6, ""))?.[1] ?? "80"
  const port = ports.get(written) ?? (await freePort())
  ports.set(written, port)
  return { original, host: isV6.test(original) ? "[::1]" : "127.0.0.1", port, unixPath: null, ...flags }
}

function unixIn(directory: string, written: string): string {
  return `${directory}/${written.replace(/^unix:/, "").replace(/.*\//, "")}`
}

async function mapBackend(
  written: string,
  ports: Map<string, number>,
  listens: Map<string, Listen>,
  directory: string,
  stubs: Stubs,
): Promise<string> {
  if (written.startsWith("unix:")) {
    const own = listens.get(written)
    const path = unixIn(directory, written)
    if (own === undefined) await stubs.open(written, path)
    return `unix:${path}`
  }
  const port = /:(\d+)$/.exec(written.replace(isV6, ""))?.[1] ?? "80"
  const host = written.slice(0, written.length - (written.endsWith(`:${port}`) ? port.length + 1 : 0))
  // A backend on a port that the file listens on is on another machine, unless the file says which address is meant.
  const isOwn = /^(127\.0\.0\.1|localhost|\[::1\])$/.test(host) && listens.has(`127.0.0.1:${port}`)
  if (isOwn) return `127.0.0.1:${ports.get(port)}`
  return `127.0.0.1:${await stubs.open(written)}`
}

/** `http://host:port/path` with its address mapped; a name of an upstream and a variable stay. */
async function mapTarget(
  text: string,
  backend: (written: string) => Promise<string>,
  upstreams: Set<string>,
): Promise<string> {
  const [, scheme, address, rest] = /^((?:https?|grpcs?):\/\/)?([^/$]*)(.*)$/s.exec(
    text,
  ) as unknown as string[]
  if (address === "unix:") {
    // A path to ask for may follow the socket's.
    const [, socket, path] = /^([^:]*)(.*)$/s.exec(rest!) as unknown as string[]
    return `${scheme ?? ""}${await backend(`unix:${socket}`)}${path}`
  }
  if (address === undefined || address === "" || upstreams.has(address)) {
    const port = /^\$\w+:(\d+)$/.exec(rest ?? "")
    if (port === null) return text
    const mapped = (await backend(`127.0.0.1:${port[1]}`)).replace(/^.*:/, "")
    return `${scheme ?? ""}${rest!.replace(/\d+$/, mapped)}`
  }
  // What variables make of the rest of the address is the probe's.
  if (address.endsWith(":")) return text
  const isSecure = scheme === "https://"
  const isBare = !/:\d+$/.test(address)
  return `${scheme ?? ""}${await backend(isBare && isSecure ? `${address}:443` : address)}${rest}`
}

/** Addresses within a value. */
async function mapValue(text: string, backend: (written: string) => Promise<string>): Promise<string> {
  const [, before, address] = /^((?:https?|grpcs?):\/\/)?([\w.-]+:\d{2,5})$/.exec(text) ?? []
  return address === undefined ? text : `${before ?? ""}${await backend(address)}`
}

const quoted = (text: string): string =>
  text !== "" && /^[^\s;{}"'\\#]+$/.test(text)
    ? text
    : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`

export function print(directives: readonly Directive[], depth = 0): string {
  const indent = "  ".repeat(depth)
  return directives
    .map(({ name, args, block }) => {
      const head = `${indent}${[name, ...args].map(({ text }) => quoted(text)).join(" ")}`
      return block === null ? `${head};\n` : `${head} {\n${print(block, depth + 1)}${indent}}\n`
    })
    .join("")
}

/**
 * What a probe gets would depend on those before it, and on the time between: servers that have failed are out for a time,
 * requests are let in again.
 */
function withoutTime(directives: readonly Directive[]): Directive[] {
  return directives.map((directive) => {
    const { name, block } = directive
    if (name.text === "limit_req_zone") {
      const args = directive.args.filter(({ text }) => !text.startsWith("rate="))
      return { ...directive, args: [...args, word("rate=1r/m", directive)] }
    }
    if (block === null) return directive
    if (name.text !== "upstream") return { ...directive, block: withoutTime(block) }
    const kept = block.map((each) => {
      if (each.name.text !== "server") return each
      const args = each.args.filter(({ text }) => !text.startsWith("max_fails="))
      return { ...each, args: [...args, word("max_fails=0", each)] }
    })
    return { ...directive, block: kept }
  })
}

const word = (text: string, like: Directive): Word => ({ text, span: like.name.span })

/** One process each: in several, each has its own turns of round robin. */
const LEFT_OUT: ReadonlySet<string> = new Set(["pid", "error_log", "user", "daemon", "worker_processes"])

/** No name server is asked for long. */
const timeout = (like: Directive): Directive => ({
  ...like,
  name: word("resolver_timeout", like),
  args: [word("100ms", like)],
  block: null,
})

/** What Debian's nginx does not know is written as it does, or left out. */
export function forNginx({ directives, rewritten }: Shape, directory: string): string {
  const count = (what: string): void => void rewritten.set(what, (rewritten.get(what) ?? 0) + 1)
  const rewrite = (block: readonly Directive[], parent: string): Directive[] => {
    const isResolved = block.some(({ name }) => name.text === "resolver")
    const http2 = block.some(({ name, args }) => name.text === "http2" && args[0]?.text === "on")
    return block.flatMap((directive): Directive[] => {
      const { name } = directive
      if (name.text === "http2" && directive.args.length === 1) {
        count("http2 on")
        return []
      }
      if (name.text === "stream" || /^(http3|quic)/.test(name.text)) {
        count(name.text)
        return []
      }
      if (LEFT_OUT.has(name.text) && parent === "main") return []
      if (name.text === "resolver_timeout" && isResolved) return []
      const args = directive.args.filter(({ text }) => {
        if (name.text !== "listen" || text !== "reuseport") return true
        count(`listen ${text}`)
        return false
      })
      if (name.text === "listen" && http2 && !args.some(({ text }) => text === "http2")) {
        args.push(word("http2", directive))
      }
      const resolved = name.text === "resolver" ? [timeout(directive)] : []
      return [
        ...resolved,
        { ...directive, args, block: directive.block === null ? null : rewrite(directive.block, name.text) },
      ]
    })
  }
  const user = process.getuid?.() === 0 ? "user root; " : ""
  const main = `${user}worker_processes 1; daemon off; pid ${directory}/nginx.pid; error_log ${directory}/error.log notice;\n`
  return main + print(rewrite(withoutTime(directives), "main"))
}

/** For Sluice all is left as it is, but for the ports, and for what Debian's nginx does not run beside it. */
export function forSluice({ directives }: Shape, directory: string): string {
  const kept = directives.filter(({ name }) => !LEFT_OUT.has(name.text) && name.text !== "stream")
  return `error_log ${directory}/sluice.log warn;\n${print(withoutTime(kept))}`
}
