import { ADMIN_PORT, FIRST_PORT } from "./service.ts"

export interface SluiceProgram {
  /** argv of `sluice`; files of `conf/` by their names. */
  readonly args: readonly string[]
  /** Where it listens. */
  readonly port: number
  /** Whether calls go through it. */
  readonly carries: boolean
}

/** One row of gRPC's table of balancing options, as it is had here. */
export interface BalancingOption {
  readonly name: string
  readonly title: string
  /** Who chooses a backend, and for what. */
  readonly chooses: string
  /** In the order in which they are started. */
  readonly sluices: readonly SluiceProgram[]
  readonly target: string
  /** Flags of the client. */
  readonly flags: readonly string[]
  /** Clients read a bootstrap file, as `sluice xds bootstrap lookaside.yaml` writes it. */
  readonly needsBootstrap: boolean
  /** What it is for, and what it costs and loses. */
  readonly says: readonly string[]
}

const backends = `ipv4:${[1, 2, 3].map((at) => `127.0.0.1:${FIRST_PORT + at}`).join(",")}`
const proxy = `127.0.0.1:${FIRST_PORT}`
const proxyOf = (...args: string[]): SluiceProgram => ({
  args: ["run", ...args],
  port: FIRST_PORT,
  carries: true,
})
const lookaside: SluiceProgram = { args: ["run", "lookaside.yaml"], port: ADMIN_PORT, carries: false }
const plain = { flags: [], needsBootstrap: false }

export const OPTIONS: readonly BalancingOption[] = [
  {
    ...plain,
    name: "pick-first",
    title: "Nothing: a list of addresses, pick_first",
    chooses: "each client, once",
    sluices: [],
    target: backends,
    says: [
      "What a gRPC client does unless it is told otherwise: it takes the first address that answers, and keeps to it. DNS with several records is this too.",
      "All clients that are given one list end at one backend, and go to the next together when it dies.",
    ],
  },
  {
    ...plain,
    name: "round-robin",
    title: "Thick client: gRPC's round_robin",
    chooses: "each client, for each call",
    sluices: [],
    target: backends,
    flags: ["--round-robin"],
    says: [
      "The client balances over the list that it has. Nothing is between, and nothing is paid for it.",
      "The list is that of its start, or of the DNS record when a connection was last lost: a backend that joins is not heard of. Health, drains and weights are not known; a backend's live streams are lost with it.",
    ],
  },
  {
    ...plain,
    name: "l4",
    title: "L3/L4 proxy: `tcp` (nginx: `stream {}`)",
    chooses: "the proxy, for each connection",
    sluices: [proxyOf("l4.yaml")],
    target: proxy,
    says: [
      "Octets are relayed and not read: cheapest of the proxies, TLS can go through it, any protocol will do.",
      "A gRPC client has one connection, so its calls and streams are all at one backend: few clients balance badly, and a backend that joins gets nothing until a client connects anew. Streams, statuses and deadlines are not seen: nothing is tried again.",
    ],
  },
  {
    ...plain,
    name: "l7",
    title: "L7 proxy",
    chooses: "the proxy, for each call",
    sluices: [proxyOf("l7.yaml")],
    target: proxy,
    says: [
      "Each call and each stream is placed by itself, by what all clients together have open; new backends get calls at once. Clients know one address and need nothing.",
      "It costs a hop: its CPU and its part of the latency. Live streams stay where they are, so a backend that joins fills up as streams end, and those of a backend that dies are lost.",
    ],
  },
  {
    ...plain,
    name: "l7-continuity",
    title: "L7 proxy, with continuity",
    chooses: "the proxy, for each call, and again for live streams",
    sluices: [proxyOf("l7-continuity.yaml")],
    target: proxy,
    says: [
      "The same, where backends speak [Stream Continuity](stream-continuity.md): streams outlive their backend, and move until each backend has its share (`rebalance`; at most a hundredth of the streams a second).",
      "It costs an account of each message, and backends have to know how.",
    ],
  },
  {
    ...plain,
    name: "thick",
    title: "Thick client: `sluice/grpc-js`",
    chooses: "each client, for each call, by what Sluice says",
    sluices: [lookaside],
    target: "sluice:///echo",
    says: [
      "A client of @grpc/grpc-js is told of endpoints by a Sluice that carries no call, balances by Sluice's own policies, and keeps its streams itself ([grpc-js](grpc-js.md)).",
      "Only for grpc-js, and the client pays for balancing and continuity. Live streams go on when their backend dies or hands them off; they do not move to one that joins.",
    ],
  },
  {
    name: "lookaside",
    title: "Lookaside: xDS, clients without a proxy",
    chooses: "each client, for each call, by what Sluice says",
    sluices: [lookaside],
    target: "xds:///echo",
    flags: [],
    needsBootstrap: true,
    says: [
      "gRPC's own clients (grpc-go, grpc-java, grpcio, grpc-js) hear of endpoints, health, drains and weights by [xDS](xds.md). No hop, and every language that gRPC speaks xDS in.",
      "**Live streams of such clients do not move and are not told**; those of a backend that dies are lost. Each client counts for itself: a policy that looks at load sees its own. Timeouts, limits, access and continuity are a proxy's.",
    ],
  },
  {
    ...plain,
    name: "control-plane",
    title: "L7 proxy under a control plane (xDS)",
    chooses: "the proxy, for each call",
    sluices: [lookaside, proxyOf("--xds", "control-plane.yaml")],
    target: proxy,
    // Routes of the control plane are those of its target.
    flags: ["--authority", "echo"],
    says: [
      "The proxy is told by the control plane that is there already: go-control-plane, Envoy Gateway, Istio; here another Sluice plays it. Calls are those of any L7 proxy.",
      "When the control plane dies, what it said last goes on holding.",
    ],
  },
]

/** A text of `conf/`, or a target, with other ports. */
export function withPorts(text: string, ports: ReadonlyMap<number, number>): string {
  return text.replace(/\b70\d\d\b/g, (port) => String(ports.get(Number(port)) ?? port))
}

/** Every port that files and targets name. */
export const NAMED_PORTS: readonly number[] = [0, 1, 2, 3, 4, 80]
  .map((after) => FIRST_PORT + after)
  .concat(ADMIN_PORT)
