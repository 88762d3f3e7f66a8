import type { Config, RouteConfig, XdsListenConfig } from "../config/model.ts"
import type { UpstreamTlsConfig } from "../config/shared-model.ts"
import { providerName } from "./resources/certificate-provider.ts"

export interface BootstrapOptions {
  /** Where clients reach the xDS server, if not at its own address: `10.0.0.1:18000`. */
  readonly server: string | null
  /** What Sluice knows a client by. */
  readonly node: string
}

/** Where the CAs of a Debian system are; providers of certificates want a file. */
const SYSTEM_CAS = "/etc/ssl/certs/ca-certificates.crt"

/**
 * The file that `GRPC_XDS_BOOTSTRAP` names: gRFC A27. Certificates that routes to backends use are told by the paths that
 * they have here (A29).
 */
export function bootstrap(config: Config, xds: XdsListenConfig, { server, node }: BootstrapOptions): object {
  const providers = Object.fromEntries(
    upstreamTls(config).map((tls) => [
      providerName(tls),
      {
        plugin_name: "file_watcher",
        config: {
          ca_certificate_file: tls.caFile ?? SYSTEM_CAS,
          ...(tls.certFile !== null && { certificate_file: tls.certFile, private_key_file: tls.keyFile }),
          refresh_interval: "60s",
        },
      },
    ]),
  )
  return {
    xds_servers: [
      {
        server_uri: server ?? xds.address,
        channel_creds: [xds.certFile === null ? { type: "insecure" } : { type: "tls", config: {} }],
        server_features: ["xds_v3"],
      },
    ],
    // grpc-js wants a locality, if an empty one.
    node: { id: node, cluster: "", locality: { region: "", zone: "", sub_zone: "" } },
    ...(Object.keys(providers).length > 0 && { certificate_providers: providers }),
  }
}

function upstreamTls({ servers }: Config): UpstreamTlsConfig[] {
  const routes = servers.flatMap((server) => server.routes.flatMap(withNested))
  return routes.flatMap(({ action }) =>
    (action.kind === "cluster" || action.kind === "variable") && action.tls !== null ? [action.tls] : [],
  )
}

function withNested(route: RouteConfig): RouteConfig[] {
  return [route, ...route.routes.flatMap(withNested)]
}
