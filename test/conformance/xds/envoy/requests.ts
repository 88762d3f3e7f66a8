/** What both data planes are asked. */
export interface Asked {
  readonly name: string
  readonly path: string
  readonly method?: string
  readonly authority?: string
  readonly headers?: Readonly<Record<string, string>>
  /** So often, and the shares of backends are compared, to a tenth of all. Default: once. */
  readonly times?: number
  /** A difference that docs/xds.md names: that there is one is what passes. */
  readonly differs?: true
}

const GRPC = { "content-type": "application/grpc", te: "trailers" }

const values = (path: string, ...all: (string | null)[]): Asked[] =>
  all.map((value) => ({
    name: `${path}, x-t-a: ${value ?? "none"}`,
    path,
    ...(value !== null && { headers: { "x-t-a": value } }),
  }))
const paths = (...all: string[]): Asked[] => all.map((path) => ({ name: path, path }))

export const REQUESTS: readonly Asked[] = [
  ...values("/header/exact", "One", "one", "One more", null),
  ...values("/header/case", "ONE", "two"),
  ...values("/header/prefix", "Once", "one"),
  ...values("/header/suffix", "done", "onE"),
  ...values("/header/contains", "And", "or"),
  ...values("/header/regex", "One", "Onee", "one"),
  ...values("/header/present", "x", null),
  { name: "/header/present, empty", path: "/header/present", headers: { "x-t-a": "" }, differs: true },
  ...values("/header/absent", "x", null),
  ...values("/header/not", "One", "two", null),
  ...values("/header/not-missing", "One", "two", null),
  ...values("/header/two", "One", null),
  { name: "/header/two, both", path: "/header/two", headers: { "x-t-a": "One", "x-t-b": "x" } },
  { name: "/header/method GET", path: "/header/method" },
  { name: "/header/method POST", path: "/header/method", method: "POST" },
  ...paths("/query/exact?q=1", "/query/exact?q=11", "/query/exact?p=1&q=1", "/query/exact"),
  ...paths("/query/present?q", "/query/present?q=", "/query/present?x=q"),
  ...paths("/query/regex?q=12", "/query/regex?q=12a"),
  { name: "/grpc, a gRPC call", path: "/grpc", method: "POST", headers: GRPC },
  { name: "/grpc, another", path: "/grpc", method: "POST" },
  ...paths("/prefix", "/prefixed", "/prefix/x", "/prefi"),
  ...paths("/separated", "/separated/x", "/separatedx", "/separated?x"),
  ...paths("/regex/abc", "/regex/abcd", "/regex/", "/regex/a?x=d"),
  ...paths("/Case", "/CASE", "/case", "/folder/x", "/FOLDER/", "/folder"),
  ...paths("/rewrite/prefix/x?y=1", "/rewrite/whole?z", "/rewrite/regex/one/two/three?q=1"),
  { name: "/rewrite/host", path: "/rewrite/host" },
  { name: "/rewrite/host-header", path: "/rewrite/host-header", headers: { "x-t-host": "said.test" } },
  { name: "/rewrite/host-header, none", path: "/rewrite/host-header" },
  { name: "/headers, bare", path: "/headers" },
  {
    name: "/headers, with all of them",
    path: "/headers",
    headers: {
      "x-t-append": "client",
      "x-t-absent": "client",
      "x-t-over": "client",
      "x-t-only": "client",
      "x-t-gone": "client",
    },
  },
  ...paths("/direct", "/direct/empty", "/redirect/https?x=1", "/redirect/host?x=1", "/redirect/port"),
  ...paths("/redirect/path?x=1", "/redirect/prefix/x?y=1", "/redirect/query?x=1"),
  { name: "nothing here", path: "/nothing" },
  { name: "nothing here, a gRPC call", path: "/nothing", method: "POST", headers: GRPC },
  ...["a", "b", "nothing"].map((name) => ({
    name: `/by-header: ${name}`,
    path: "/by-header",
    headers: { "x-t-cluster": name },
  })),
  { name: "/by-header, none", path: "/by-header" },
  { name: "/weighted", path: "/weighted", times: 400 },
  { name: "/weighted/none", path: "/weighted/none" },
  { name: "/health", path: "/health", times: 40 },
  { name: "/priority", path: "/priority", times: 10 },
  { name: "/weights", path: "/weights", times: 80 },
  { name: "/two", path: "/two", times: 40 },
  { name: "/aggregate", path: "/aggregate" },
  { name: "/down: 503 there, nginx's 502 here", path: "/down", differs: true },
  { name: "/down, a gRPC call", path: "/down", method: "POST", headers: GRPC },
  { name: "/nobody: 503 there, nginx's 502 here", path: "/nobody", differs: true },
  { name: "/nobody, a gRPC call", path: "/nobody", method: "POST", headers: GRPC },
  ...Array.from({ length: 12 }, (_, at) => ({
    name: `/hash, key ${at}`,
    path: "/hash",
    headers: { "x-t-key": `key-${at}` },
  })),
  ...[
    "exact.test",
    "EXACT.test",
    "x.suffix.test",
    "suffix.test",
    "x.long.suffix.test",
    "prefix.any",
    "prefix.suffix.test",
  ].map((authority) => ({ name: `the host ${authority}`, path: "/prefix", authority })),
  { name: "the host exact.test:8080", path: "/prefix", authority: "exact.test:8080", differs: true },
]
