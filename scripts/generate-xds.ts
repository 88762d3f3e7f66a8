/** `npm run generate:xds`: the messages of xDS that Sluice speaks, as code, from the protos of @grpc/grpc-js-xds. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

const root = join(import.meta.dirname, "..")
const deps = join(root, "node_modules/@grpc/grpc-js-xds/deps")
const ROOTS = ["envoy-api", "xds", "protoc-gen-validate", "googleapis"].map((name) => join(deps, name))
const OUT = "src/xds/gen"

const TYPES = [
  "envoy.service.discovery.v3.DiscoveryRequest",
  "envoy.service.discovery.v3.DiscoveryResponse",
  "envoy.service.discovery.v3.DeltaDiscoveryRequest",
  "envoy.service.discovery.v3.DeltaDiscoveryResponse",
  "envoy.service.load_stats.v3.LoadStatsRequest",
  "envoy.service.load_stats.v3.LoadStatsResponse",
  "envoy.config.listener.v3.Listener",
  "envoy.config.route.v3.RouteConfiguration",
  "envoy.config.cluster.v3.Cluster",
  "envoy.config.endpoint.v3.ClusterLoadAssignment",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
  "envoy.extensions.filters.http.router.v3.Router",
  "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
  "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
  "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
  "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
  "envoy.extensions.transport_sockets.tls.v3.Secret",
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
  "envoy.extensions.clusters.aggregate.v3.ClusterConfig",
  "envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin",
  "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
  "envoy.extensions.load_balancing_policies.maglev.v3.Maglev",
  "envoy.extensions.load_balancing_policies.random.v3.Random",
  "envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash",
  "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
  "envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality",
]

/** Annotations, which say nothing on the wire. */
const EXCLUDED = ["udpa.annotations", "xds.annotations.v3", "validate", "envoy.annotations"]

/** Where the messages are; what these import comes with them. */
const FILES = [
  "envoy/service/discovery/v3/discovery.proto",
  "envoy/service/load_stats/v3/lrs.proto",
  "envoy/config/listener/v3/listener.proto",
  "envoy/config/route/v3/route.proto",
  "envoy/config/cluster/v3/cluster.proto",
  "envoy/config/endpoint/v3/endpoint.proto",
  "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
  "envoy/extensions/filters/http/router/v3/router.proto",
  "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto",
  "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto",
  "envoy/extensions/transport_sockets/tls/v3/tls.proto",
  "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
  "envoy/extensions/clusters/aggregate/v3/cluster.proto",
  ...(
    [
      "client_side_weighted_round_robin",
      "least_request",
      "maglev",
      "random",
      "ring_hash",
      "round_robin",
      "wrr_locality",
    ] as const
  ).map((name) => `envoy/extensions/load_balancing_policies/${name}/v3/${name}.proto`),
]

/** Copies the files and all that they import: the package has many more, which lack what they import. */
function copyClosure(folder: string): void {
  const copied = new Set<string>()
  const copy = (file: string): void => {
    if (copied.has(file)) return
    copied.add(file)
    const from = ROOTS.map((at) => join(at, file)).find(existsSync)
    // Well-known types are built in.
    if (from === undefined) return
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    // A rule that the package's own older validate.proto does not know.
    const text = readFileSync(from, "utf8").replaceAll(" ignore_empty: true", "")
    writeFileSync(join(folder, file), text)
    for (const [, imported] of text.matchAll(/^import (?:public )?"([^"]+)";/gm)) copy(imported!)
  }
  for (const file of FILES) copy(file)
}

const folder = mkdtempSync(join(tmpdir(), "sluice-xds-"))
try {
  copyClosure(folder)
  const buf = join(root, "node_modules/.bin/buf")
  writeFileSync(join(folder, "buf.yaml"), "version: v2\n")
  const plugin = {
    local: join(root, "node_modules/.bin/protoc-gen-es"),
    out: join(root, OUT),
    opt: ["target=ts", "import_extension=ts", "erasable_syntax=true"],
    include_imports: true,
    types: TYPES,
    exclude_types: EXCLUDED,
  }
  writeFileSync(
    join(folder, "buf.gen.yaml"),
    JSON.stringify({ version: "v2", clean: true, plugins: [plugin] }),
  )
  // Without their comments, which are a book of their own.
  execFileSync(buf, ["build", "--exclude-source-info", "-o", "image.binpb"], {
    cwd: folder,
    stdio: "inherit",
  })
  execFileSync(buf, ["generate", "image.binpb"], { cwd: folder, stdio: "inherit" })
} finally {
  rmSync(folder, { recursive: true, force: true })
}
