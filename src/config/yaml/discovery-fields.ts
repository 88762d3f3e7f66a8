/** `discovery` and `resolver` of sluice.yaml, both ways. */
import { defaultResolver, discoveredEndpoint } from "../defaults.ts"
import { discoveryName, type DiscoverySourceConfig as Source } from "../discovery-name.ts"
import type { DiscoveryConfig, ResolverConfig } from "../model.ts"
import { endpointFields, readFields, writeFields } from "./fields.ts"
import { durationMs, durationText } from "./scalars.ts"

interface TlsInput {
  ca?: string | undefined
  cert?: string | undefined
  key?: string | undefined
}

/** One of the kinds, and settings of its endpoints beside it. */
export interface DiscoveryInput {
  file?: string | undefined
  dns?: { name: string; service: string } | undefined
  etcd?:
    | (TlsInput & {
        urls: string | string[]
        prefix: string
        user?: string | undefined
        passwordFile?: string | undefined
      })
    | undefined
  consul?:
    | (TlsInput & {
        url: string
        service: string
        datacenter?: string | undefined
        tags?: string[] | undefined
        tokenFile?: string | undefined
      })
    | undefined
  kubernetes?:
    | {
        service: string
        namespace?: string | undefined
        port?: string | number | undefined
        kubeconfig?: string | undefined
      }
    | undefined
  xds?: string | string[] | undefined
}

export const discoveryKinds = ["file", "dns", "etcd", "consul", "kubernetes", "xds"] as const

/** Of an input of which it is known that it has one kind. */
export function readDiscovery(input: DiscoveryInput): DiscoveryConfig {
  const source = sourceOf(input)
  return { ...source, settings: readFields(endpointFields, input, discoveredEndpoint(discoveryName(source))) }
}

function sourceOf({ file, dns, etcd, consul, kubernetes, xds }: DiscoveryInput): Source {
  if (file !== undefined) return { kind: "file", path: file }
  if (dns !== undefined) return { kind: "dns", host: dns.name, service: dns.service }
  if (etcd !== undefined) {
    const { urls, prefix, user = null, passwordFile = null } = etcd
    return { kind: "etcd", urls: [urls].flat(), prefix, user, passwordFile, ...readTls(etcd) }
  }
  if (consul !== undefined) {
    const { url, service, datacenter = null, tags = [], tokenFile = null } = consul
    return { kind: "consul", url, service, datacenter, tags, tokenFile, ...readTls(consul) }
  }
  if (xds !== undefined) return { kind: "xds", services: [xds].flat() }
  const { service, namespace = null, port = null, kubeconfig = null } = kubernetes!
  return { kind: "kubernetes", service, namespace, port, kubeconfig }
}

function readTls({ ca = null, cert = null, key = null }: { [Key in keyof TlsInput]: TlsInput[Key] | null }) {
  return { caFile: ca, certFile: cert, keyFile: key }
}

export function writeDiscovery(discovery: DiscoveryConfig): object {
  const { settings } = discovery
  return {
    ...writeSource(discovery),
    ...writeFields(endpointFields, settings, discoveredEndpoint(settings.address)),
  }
}

function writeSource(source: DiscoveryConfig): object {
  switch (source.kind) {
    case "file":
      return { file: source.path }
    case "dns":
      return { dns: { name: source.host, service: source.service } }
    case "etcd": {
      const { urls, prefix, user, passwordFile } = source
      const only = urls.length === 1 ? urls[0] : urls
      return { etcd: { urls: only, prefix, ...given({ user, passwordFile }), ...writeTls(source) } }
    }
    case "consul": {
      const { url, service, datacenter, tags, tokenFile } = source
      const more = given({ datacenter, tags: tags.length === 0 ? null : tags, tokenFile })
      return { consul: { url, service, ...more, ...writeTls(source) } }
    }
    case "kubernetes": {
      const { service, namespace, port, kubeconfig } = source
      return { kubernetes: { service, ...given({ namespace, port, kubeconfig }) } }
    }
    case "xds":
      return { xds: source.services.length === 1 ? source.services[0] : source.services }
  }
}

function writeTls({
  caFile: ca,
  certFile: cert,
  keyFile: key,
}: {
  caFile: string | null
  certFile: string | null
  keyFile: string | null
}): object {
  return given({ ca, cert, key })
}

function given(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))
}

export interface ResolverInput {
  servers?: string[] | undefined
  valid?: string | undefined
  ipv4?: boolean | undefined
  ipv6?: boolean | undefined
}

export function readResolver({ servers = [], valid, ipv4, ipv6 }: ResolverInput): ResolverConfig {
  const base = defaultResolver()
  return {
    servers,
    validMs: valid === undefined || valid === "none" ? base.validMs : durationMs(valid),
    ipv4: ipv4 ?? base.ipv4,
    ipv6: ipv6 ?? base.ipv6,
  }
}

export function writeResolver({ servers, validMs, ipv4, ipv6 }: ResolverConfig): object {
  const base = defaultResolver()
  return {
    ...(servers.length > 0 && { servers }),
    ...(validMs !== null && { valid: durationText(validMs) }),
    ...(ipv4 !== base.ipv4 && { ipv4 }),
    ...(ipv6 !== base.ipv6 && { ipv6 }),
  }
}
