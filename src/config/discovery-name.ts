import type { DiscoveryConfig } from "./model.ts"

type WithoutSettings<One> = One extends DiscoveryConfig ? Omit<One, "settings"> : never

/** A source, without the settings of its endpoints. */
export type DiscoverySourceConfig = WithoutSettings<DiscoveryConfig>

/** What a source is called where an address would stand. */
export function discoveryName(source: DiscoverySourceConfig): string {
  switch (source.kind) {
    case "file":
      return `file ${source.path}`
    case "dns":
      return `dns ${source.service} ${source.host}`
    case "etcd":
      return `etcd ${source.prefix}`
    case "consul":
      return `consul ${source.service}`
    case "xds":
      return `xds ${source.services.join(" ")}`
    case "kubernetes":
      return `kubernetes ${source.namespace === null ? "" : `${source.namespace}/`}${source.service}`
  }
}
