import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { hostAddress } from "../address.ts"
import {
  defaultCluster,
  defaultEndpoint,
  defaultListener,
  defaultRoute,
  defaultRouteSettings,
} from "../defaults.ts"
import type { Config } from "../model.ts"
import { decode, diskFiles } from "../nginx/include.ts"
import { readNginxConfig } from "../nginx/read.ts"
import { placeOf } from "../problem.ts"
import { loadYaml } from "./load.ts"

const MINIMAL = "listeners: 8080\nclusters: {chat: [127.0.0.1:3000]}\n"

function loaded(text: string): Config {
  const { config, problems } = loadYaml(text, "sluice.yaml")
  expect(problems).toEqual([])
  return config!
}

/** `line:column~length severity: message (hint)`, one string per problem. */
function problemsOf(text: string): string[] {
  const { config, problems } = loadYaml(text, "f")
  expect(config === null).toBe(problems.some(({ severity }) => severity === "error"))
  return problems.map((problem) => {
    const { severity, length, message, hint } = problem
    const place = placeOf(problem).replace(/^f:?/, "") || "file"
    return `${place}~${length} ${severity}: ${message}${hint === null ? "" : ` (${hint})`}`
  })
}

describe("what is left out is the default", () => {
  test("of the smallest file", () => {
    const settings = defaultRouteSettings()
    expect(loaded(MINIMAL)).toEqual({
      workers: 1,
      listeners: [defaultListener(hostAddress("0.0.0.0", 8080))],
      clusters: [{ ...defaultCluster("chat"), endpoints: [defaultEndpoint(hostAddress("127.0.0.1", 3000))] }],
      variables: [],
      zones: [],
      tcp: { servers: [], variables: [], zones: [] },
      servers: [
        {
          names: [""],
          listeners: ["0.0.0.0:8080"],
          defaultFor: [],
          order: "nginx",
          underscoresInHeaders: false,
          mergeSlashes: true,
          rewrite: [],
          fallback: settings,
          routes: [
            {
              match: { kind: "prefix", path: "/", final: false },
              action: { kind: "cluster", cluster: "chat", tls: null },
              settings,
              ...defaultRoute(),
            },
          ],
        },
      ],
      log: { level: "info", path: "stderr" },
      pidFile: null,
      admin: "default",
      xds: null,
      metrics: "full",
      tracing: null,
      shutdown: { graceMs: 30_000 },
      limits: {},
    })
  })
})

test("the chat's sluice.yaml means what the article's second nginx.conf does, on port 8080", () => {
  const article = decode(diskFiles.read("examples/chat/nginx/two.conf")).replace(
    "listen  80 ",
    "listen  8080 ",
  )
  const { config } = readNginxConfig(article, "two.conf", diskFiles)
  expect(loaded(decode(diskFiles.read("examples/chat/sluice.yaml")))).toEqual(config)
})

test.each([
  ["8080", "0.0.0.0:8080"],
  ['"8080"', "0.0.0.0:8080"],
  ["0", "0.0.0.0:0"],
  ["127.0.0.1:0", "127.0.0.1:0"],
  ['"*:80"', "0.0.0.0:80"],
  ['"[::]:80"', "[::]:80"],
  ["localhost:80", "localhost:80"],
  ["unix:/run/s.sock", "unix:/run/s.sock"],
  ["{address: 80, name: web}", "web"],
  ["[80, 127.0.0.1:81]", "0.0.0.0:80 127.0.0.1:81"],
])("listeners: %s are %s", (written, names) => {
  const { listeners } = loaded(MINIMAL.replace("8080", written))
  expect(listeners.map(({ name }) => name).join(" ")).toBe(names)
})

test.each([
  ["250ms", 250],
  ["30s", 30_000],
  ["1.5s", 1500],
  ["1h30m", 5_400_000],
  ["1d", 86_400_000],
  ["none", null],
])("readTimeout: %s is %s ms", (written, ms) => {
  expect(loaded(`${MINIMAL}readTimeout: ${written}\n`).servers[0]!.fallback.readTimeoutMs).toBe(ms)
})

test.each([
  ["1048576", 2 ** 20],
  ["64k", 65_536],
  ["1M", 2 ** 20],
  ["2g", 2 ** 31],
  ["none", null],
])("maxBodySize: %s is %s octets", (written, octets) => {
  expect(loaded(`${MINIMAL}maxBodySize: ${written}\n`).servers[0]!.fallback.maxBodyOctets).toBe(octets)
})

test("settings hold inward until a key is written again", () => {
  const { servers } = loaded(`
listeners: 80
readTimeout: 1s
hideHeaders: [x-a]
servers:
  - sendTimeout: 2s
    routes:
      - return: 404
        readTimeout: none
        hideHeaders: []
        routes:
          - {prefix: /a, return: none, bodyTimeout: 3s}
`)
  const [{ fallback, routes }] = servers as [(typeof servers)[number]]
  const picked = [fallback, routes[0]!.settings, routes[0]!.routes[0]!.settings].map((settings) => {
    const { readTimeoutMs, sendTimeoutMs, bodyTimeoutMs, hideHeaders } = settings
    return [readTimeoutMs, sendTimeoutMs, bodyTimeoutMs, hideHeaders]
  })
  expect(picked).toEqual([
    [1000, 2000, null, ["x-a"]],
    [null, 2000, null, []],
    [null, 2000, 3000, []],
  ])
})

test.each([
  ["none", []],
  ["/a.log", [{ path: "/a.log", escape: "default" }]],
  ["[/a.log, {path: /b.log, format: json}]", [{ path: "/a.log" }, { path: "/b.log", escape: "json" }]],
  [
    "{path: /a, template: $host, escape: none, if: $arg_l, buffer: 64k, flush: 5s}",
    [
      {
        path: "/a",
        template: "$host",
        escape: "none",
        ifTemplate: "$arg_l",
        bufferOctets: 65_536,
        flushMs: 5000,
      },
    ],
  ],
])("accessLog: %s", (written, logs) => {
  expect(loaded(`${MINIMAL}accessLog: ${written}\n`).servers[0]!.fallback.accessLogs).toMatchObject(logs)
})

test("anchors save repetition", () => {
  const { servers } = loaded(
    "listeners: 80\nroutes:\n- &a {prefix: /, return: 404}\n- {exact: /b, return: 404, routes: [*a]}\n",
  )
  expect(servers[0]!.routes[1]!.routes[0]!.match).toEqual({ kind: "prefix", path: "/", final: false })
})

const AT = MINIMAL.split("\n").length
describe.each<[what: string, text: string, ...problems: string[]]>([
  [
    "nothing",
    "",
    'file~1 error: the file is empty (it needs "listeners" and "clusters"; docs/configuration.md begins with an example)',
  ],
  ["a text", "hello", '1:1~5 error: the file must be a map, not "hello"'],
  ["no listeners", "clusters: {a: [b:1]}", '1:1~8 error: "listeners" is missing'],
  ["unclosed braces", "listeners: {", expect.stringMatching(/^1:\d+~\d+ error: not YAML: /)],
  ["a tab", "listeners:\n\t- 80", expect.stringMatching(/^2:\d+~\d+ error: not YAML: /)],
  ["a key twice", `${MINIMAL}listeners: 81`, `${AT}:1~9 error: the key "listeners" is there twice`],
  [
    "two documents",
    `${MINIMAL}---\na: 1`,
    expect.stringContaining("a second document begins here; the file must hold one"),
  ],
  ["a tag", `${MINIMAL}pidFile: !path /run/x`, `${AT}:10~5 error: YAML tags have no meaning here`],
  [
    "an alias without anchor",
    `${MINIMAL}pidFile: *x`,
    expect.stringContaining('error: there is no anchor "&x" before this'),
  ],
  [
    "an alias in its own anchor",
    "listeners: &a [*a]\nroutes: []",
    expect.stringContaining('there is no anchor "&a" before this'),
  ],
  ["__proto__", `${MINIMAL}__proto__: {}`, `${AT}:1~9 error: unknown key "__proto__"`],
  [
    "an unknown key",
    `${MINIMAL}acess_log: x`,
    `${AT}:1~9 error: unknown key "acess_log" (did you mean "accessLog"?)`,
  ],
  [
    "unknown keys at all levels",
    "listeners: {addres: 1}\nclusters:\n  a: {endpoints: [{adress: b:1}], polcy: x}\nservers: [{route: []}]",
    '1:1~9 error: "address" is missing',
    '1:13~6 error: unknown key "addres" (did you mean "address"?)',
    '3:3~1 warning: no route leads to the cluster "a"',
    '3:20~6 error: "address" is missing',
    '3:20~6 error: unknown key "adress" (did you mean "address"?)',
    '3:35~5 error: unknown key "polcy" (did you mean "policy"?)',
    '4:12~5 error: unknown key "route" (did you mean "routes"?)',
  ],
  [
    "a bad port",
    "listeners: 65536\nroutes: []",
    '1:12~5 error: "listeners" must be a port, host:port, [v6]:port or unix:/path',
  ],
  [
    "a bad address",
    "listeners: [80, a b:1]\nroutes: []",
    "1:17~5 error: this must be a port, host:port, [v6]:port or unix:/path",
  ],
  [
    "an endpoint without port",
    "listeners: 80\nclusters: {a: [b]}",
    "2:16~1 error: this must be an address: host:port, [v6]:port or unix:/path",
  ],
  [
    "no listeners",
    "listeners: []\nclusters: {a: [a:1]}",
    '1:1~9 error: "listeners" must not be empty, unless "servers" is too',
  ],
  ["no endpoints", "listeners: 80\nclusters: {a: []}", '2:15~2 error: "a" must not be empty'],
  [
    "a number for a time",
    `${MINIMAL}readTimeout: 30`,
    `${AT}:14~2 error: "readTimeout" must be a time such as "30s" or "5m", or "none", not 30`,
  ],
  [
    "a bad size",
    `${MINIMAL}maxBodySize: 1mb`,
    `${AT}:14~3 error: "maxBodySize" must be a size such as "64k", "1m" or a number of octets, or "none", not "1mb"`,
  ],
  [
    "a word for a flag",
    `${MINIMAL}socketKeepalive: on`,
    `${AT}:18~2 error: "socketKeepalive" must be true or false, not "on"`,
  ],
  [
    "a bad choice",
    "listeners: 80\nclusters: {a: {policy: least_stream, endpoints: [b:1]}}",
    '2:24~12 error: "policy" must be round_robin, least_streams, random, random_two, peak_ewma, ring_hash, maglev, nginx_hash, nginx_consistent_hash or ip_hash, not "least_stream" (did you mean "least_streams"?)',
  ],
  [
    "a hash without a key",
    "listeners: 80\nclusters: {a: {policy: maglev, endpoints: [b:1]}}",
    '2:24~6 error: the policy maglev needs a "key" (for instance { name: maglev, key: $remote_addr })',
  ],
  [
    "what means nothing to a policy",
    "listeners: 80\nclusters: {a: {policy: {name: ip_hash, key: $host, by: streams}, endpoints: [b:1]}}",
    '2:40~3 error: "key" has no meaning to the policy ip_hash',
    '2:52~2 error: "by" has no meaning to the policy ip_hash',
  ],
  [
    "streams that a key places, and that are to be even",
    "listeners: 80\nclusters: {a: {policy: {name: maglev, key: $host}, rebalance: {}, endpoints: [b:1]}}",
    "2:52~9 error: the policy maglev places streams by a key (rehome moves those)",
  ],
  [
    "connections that are passed to no address, and to none that is listened on",
    "listeners: [{address: 1.1.1.1:1, protocol: tcp}]\ntcp: {servers: [{names: a, pass: a:1}, {names: b, pass: 1.1.1.1:2}, {names: c, pass: 1.1.1.1:1}, {names: d, pass: x, return: y}]}",
    expect.stringContaining('error: "a:1" is no address'),
    expect.stringContaining("warning: no listener has the address 1.1.1.1:2: its connections end at once"),
    expect.stringContaining("error: this takes one of cluster, pass and return"),
    expect.stringContaining('error: "x" is no address'),
  ],
  [
    "the time until a connection, of calls",
    "listeners: 80\nclusters: {a: {policy: {name: peak_ewma, by: connect_time}, endpoints: [b:1]}}",
    "2:46~12 error: only clusters with protocol: tcp compare connect_time",
  ],
  [
    "connections that are to wait in a queue",
    "listeners: 80\nclusters: {a: {endpoints: [b:1]}, t: {protocol: tcp, queue: {streams: 1}, endpoints: [b:1]}}",
    '2:35~1 warning: no route leads to the cluster "t"',
    "2:54~5 error: connections of a cluster with protocol: tcp do not wait",
  ],
  [
    "what a policy cannot compare",
    "listeners: 80\nclusters: {a: {policy: {name: peak_ewma, by: streams}, endpoints: [b:1]}}",
    "2:46~7 error: the policy peak_ewma compares header_time, last_byte_time, connect_time",
  ],
  [
    "shares that are none",
    "listeners: 80\nclusters: {a: {panicThreshold: 101, slowStart: {minWeight: 0, aggression: 11}, endpoints: [b:1]}}",
    '2:32~3 error: "panicThreshold" must be a whole number from 0 to 100',
    '2:60~1 error: "minWeight" must be a whole number from 1 to 100',
    '2:75~2 error: "aggression" must be a number from 0.1 to 10',
  ],
  [
    "headers that are not sent as they are written",
    `${MINIMAL}setHeaders: { Connection: upgrade, X-A: "a " }\naddHeaders: [{ name: Keep-Alive, value: a }]`,
    expect.stringContaining('warning: "Connection" is not sent: it belongs to HTTP/1.1'),
    expect.stringContaining('warning: the value of "X-A" begins or ends in white space, which is not sent'),
    expect.stringContaining('warning: "Keep-Alive" is not sent: it belongs to HTTP/1.1'),
  ],
  [
    "weight 0",
    "listeners: 80\nclusters: {a: [{address: b:1, weight: 0}]}",
    '2:39~1 error: "weight" must be at least 1, not 0',
  ],
  [
    "an unknown variable",
    `${MINIMAL}setHeaders:\n  x: 'a $hots'`,
    `${AT + 1}:9~5 error: unknown variable "$hots" (did you mean "$host"?)`,
  ],
  [
    "a dangling cluster",
    `${MINIMAL}routes: [{cluster: cha}, {exact: /x, cluster: backend}]`,
    `${AT}:20~3 error: there is no cluster "cha" (did you mean "chat"?)`,
    `${AT}:47~7 error: there is no cluster "backend" (there is "chat")`,
  ],
  [
    "a route to nowhere",
    `${MINIMAL}routes: [{prefix: /}]`,
    expect.stringContaining("warning"),
    `${AT}:11~6 error: the route leads nowhere: it needs a "cluster" or a "return"`,
  ],
  [
    "a route to two ends",
    `${MINIMAL}routes: [{cluster: chat, return: 404}]`,
    `${AT}:26~6 error: a route has either a "cluster" or a "return"`,
  ],
  [
    "two matches",
    `${MINIMAL}routes: [{exact: /, prefix: /, cluster: chat}]`,
    expect.stringContaining("only one of named, exact, prefix and regex"),
  ],
  [
    "a route twice",
    `${MINIMAL}routes: [{cluster: chat}, {prefix: /, cluster: chat}]`,
    `${AT}:36~1 error: another route has the prefix "/"`,
  ],
  [
    "a bad regex",
    `${MINIMAL}routes: [{regex: "a(", cluster: chat}]`,
    expect.stringMatching(/^\d+:18~4 error: not a regex: /),
  ],
  [
    "a regex whose group has a name beyond ASCII",
    `${MINIMAL}routes: [{regex: "(?<é>a)", cluster: chat}]`,
    expect.stringMatching(/^\d+:18~9 error: not a regex: /),
  ],
  [
    "a path without slash",
    `${MINIMAL}routes: [{prefix: a, cluster: chat}]`,
    expect.stringContaining('warning: no path starts like "a"'),
  ],
  [
    "conditions in nginx's order",
    `${MINIMAL}servers: [{routes: [{cluster: chat, when: [{if: $http_x}]}]}]`,
    expect.stringContaining('"when" has a meaning only where the server has "order: written"'),
  ],
  [
    "final in an order that is written",
    `${MINIMAL}servers: [{order: written, routes: [{prefix: /, final: true, cluster: chat}]}]`,
    expect.stringContaining('"final" has no meaning where the order is written'),
  ],
  [
    "a condition that is no regex",
    `${MINIMAL}servers: [{order: written, routes: [{cluster: chat, when: [{if: $http_x, is: "~", text: "("}]}]}]`,
    expect.stringContaining("regex"),
  ],
  [
    "final beside exact",
    `${MINIMAL}routes: [{exact: /, final: true, cluster: chat}]`,
    expect.stringContaining('"final" has a meaning only beside "prefix"'),
  ],
  [
    "no way to choose",
    "listeners: 80\nclusters: {a: [b:1], c: [d:1]}",
    expect.stringContaining("nothing says where calls go: there is more than one cluster"),
  ],
  ["a cluster unused", `${MINIMAL}routes: []`, '2:12~4 warning: no route leads to the cluster "chat"'],
  [
    "an endpoint twice",
    "listeners: 80\nclusters: {a: [b:1, b:1]}",
    "2:21~3 warning: the endpoint b:1 is in this cluster twice (give it a weight instead)",
  ],
  [
    "a listener twice",
    "listeners: [80, 80]\nroutes: []",
    "1:17~2 error: another listener has the address 0.0.0.0:80",
  ],
  [
    "a listener's name twice",
    "listeners: [{address: 80, name: a}, {address: 81, name: a}]\nroutes: []",
    expect.stringContaining('another listener has the name "a"'),
  ],
  [
    "a cluster's name twice",
    "listeners: 80\nclusters: [{name: a, endpoints: [b:1]}, {name: a, endpoints: [b:1]}]\nroutes: [{cluster: a}]",
    expect.stringContaining('another cluster has the name "a"'),
  ],
  [
    "servers and routes",
    `${MINIMAL}routes: []\nservers: [{routes: [{cluster: chat}]}]`,
    `${AT}:1~6 error: "routes" belongs into a server once there are "servers"`,
  ],
  [
    "a server's listener",
    "listeners: {address: 80, name: web}\nservers: [{listeners: [wbe]}, {}]",
    '2:24~3 error: there is no listener "wbe" (did you mean "web"?)',
  ],
  [
    "two default servers",
    "listeners: 80\nservers: [{default: true, names: a}, {default: true, names: b}]",
    expect.stringContaining('another server is the default of the listener "0.0.0.0:80"'),
  ],
  [
    "two servers of one name",
    "listeners: 80\nservers: [{names: [a, b]}, {names: B}]",
    '2:36~1 warning: another server on 0.0.0.0:80 has the name "B", and goes before',
  ],
  [
    "a server's bad regex",
    "listeners: 80\nservers: [{names: '~('}]",
    expect.stringContaining("error: not a regex"),
  ],
  [
    "names that no host can have",
    "listeners: 80\nservers: [{names: ['*', '*a.b', a*b.c, '*.*.c', '*.c.*', ., '~']}]",
    '2:20~3 error: server name "*" is invalid (a * stands for whole labels, at one end)',
    '2:25~6 error: server name "*a.b" is invalid (a * stands for whole labels, at one end)',
    '2:33~5 error: invalid server name or wildcard "a*b.c" (a * stands for whole labels, at one end)',
    '2:40~7 error: invalid server name or wildcard "*.*.c" (a * stands for whole labels, at one end)',
    '2:49~7 error: invalid server name or wildcard "*.c.*" (a * stands for whole labels, at one end)',
    '2:58~1 error: server name "." is invalid',
    '2:61~3 error: empty regex in server name "~"',
  ],
  [
    "names with a scheme or a port",
    "listeners: 80\nservers: [{names: ['https://x', 'x:80', '[::1]', _]}]",
    '2:20~11 warning: server name "https://x" has suspicious symbols (a name has no scheme, port or path)',
    '2:33~6 warning: server name "x:80" has suspicious symbols (a name has no scheme, port or path)',
  ],
  [
    "names of a certificate",
    "listeners: [{address: 80, tls: {certificates: [{cert: a, key: b, names: ['~(', '*', ok.test]}]}}]\nroutes: []",
    expect.stringMatching(/^1:74~4 error: not a regex: /),
    '1:80~3 error: server name "*" is invalid (a * stands for whole labels, at one end)',
  ],
  [
    "TLS without certificates, and names to refuse",
    "listeners: [{address: 80, tls: {rejectNames: ['~(']}}, {address: 81, tls: {rejectOthers: true}}]\nroutes: []",
    "1:27~3 error: tls needs certificates, unless rejectOthers is true",
    expect.stringMatching(/^1:47~4 error: not a regex: /),
  ],
  [
    "addresses to bind that are none",
    `${MINIMAL}bindAddress: eth0\nroutes: [{cluster: chat, bindAddress: "127.0.0.1:x"}]`,
    `${AT}:14~4 error: "bindAddress" must be an IP address with a port or without, a text with $variables, or "none"`,
    `${AT + 1}:39~13 error: "bindAddress" must be an IP address with a port or without, a text with $variables, or "none"`,
  ],
  ...["connectTimeout"].map((key): [string, string, string] => [
    `${key} of 0`,
    `${MINIMAL}${key}: 0s`,
    `${AT}:${key.length + 3}~2 error: "${key}" must be longer than 0`,
  ]),
  ...["readTimeout", "sendTimeout", "bodyTimeout"].map((key): [string, string, string] => [
    `${key} of 0`,
    `${MINIMAL}${key}: 0ms`,
    `${AT}:${key.length + 3}~3 error: "${key}" must be longer than 0, or "none"`,
  ]),
  [
    "other times of 0 that would end everything at once",
    "listeners: {address: 80, headerTimeout: 0s}\nclusters: {a: {endpoints: [b:1], keepalive: {interval: 0s, timeout: 0h0.4ms}}}\nretry: {timeout: 0s}",
    '1:41~2 error: "headerTimeout" must be longer than 0, or "none"',
    '2:56~2 error: "interval" must be longer than 0',
    '2:69~7 error: "timeout" must be longer than 0',
    '3:18~2 error: "timeout" must be longer than 0, or "none"',
  ],
  [
    "a size that takes no message",
    `${MINIMAL}maxBodySize: 0\nroutes: [{cluster: chat, maxBodySize: 0k}]`,
    `${AT}:14~1 error: "maxBodySize" must be at least 1, not 0`,
    `${AT + 1}:39~2 error: "maxBodySize" must be at least 1, or "none"`,
  ],
  [
    "an unknown limit",
    `${MINIMAL}limits: {streamMax: 1}`,
    `${AT}:10~9 error: unknown key "streamMax" (did you mean "streamsMax"?)`,
  ],
  [
    "limits that disagree",
    `${MINIMAL}limits: {connectionWindowOctets: 65535}`,
    expect.stringContaining("must not exceed connectionWindowOctets"),
    expect.anything(),
  ],
  [
    "wide characters",
    `${MINIMAL}pidFile: "收到"\nlog: {levle: 1}`,
    `${AT + 1}:7~5 error: unknown key "levle" (did you mean "level"?)`,
  ],
])("%s", (_what, text, ...problems) => {
  test("is told where it stands", () => {
    expect(problemsOf(text)).toEqual(problems)
  })
})

describe("bounds", () => {
  test("a file of more than 1 MiB", () => {
    expect(problemsOf(`#${"x".repeat(2 ** 20)}`)).toEqual(["1:1~1 error: the file is larger than 1 MiB"])
  })

  test("a billion laughs", () => {
    const levels = Array.from(
      { length: 30 },
      (_, i) =>
        `- &l${i + 1} [${Array(9)
          .fill(i === 0 ? "ha" : `*l${i}`)
          .join(", ")}]`,
    )
    expect(problemsOf(levels.join("\n"))).toEqual([
      expect.stringContaining("more than 50000 values, aliases included"),
    ])
  })

  test.each([
    ["brackets", "[".repeat(100_000)],
    ["closed brackets", "[".repeat(10_000) + "]".repeat(10_000)],
    ["dashes", "- ".repeat(100_000)],
  ])("%s without end", (_what, text) => {
    expect(problemsOf(text).length).toBeGreaterThan(0)
  })

  test("a hundred thousand keys take no quadratic time", () => {
    const text = Array.from({ length: 100_000 }, (_, i) => `k${i}: `).join("\n")
    expect(problemsOf(text)).toEqual([expect.stringContaining("more than 50000 values")])
  })

  test("no text throws", () => {
    const words = [
      "listeners",
      "routes",
      "clusters",
      ": ",
      "\n",
      "  ",
      "- ",
      "[",
      "]",
      "{",
      "}",
      "&a",
      "*a",
      "!!x",
      '"',
      "'",
      "|",
      ">",
      "#",
      "80",
      "?",
      ",",
      "\u0000",
      "\ufeff",
      "%",
    ]
    const text = fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ unit: "binary", maxLength: 4 })), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(text, (parts) => {
        const { config, problems } = loadYaml(parts.join(""), "f")
        expect(config === null).toBe(problems.some(({ severity }) => severity === "error"))
        for (const { line, column, length } of problems)
          expect(line === 0 ? length : Math.min(line, column, length)).toBeGreaterThan(0)
      }),
      { numRuns: 2_000 },
    )
  })

  test("no value throws", () => {
    const key = fc.constantFrom(
      "listeners",
      "routes",
      "servers",
      "clusters",
      "cluster",
      "names",
      "address",
      "endpoints",
      "retry",
      "tls",
      "limits",
    )
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(80, "a:1", "$host", "none", null, true, -1),
        tie("list"),
        tie("map"),
      ),
      list: fc.array(tie("value"), { maxLength: 3 }),
      map: fc.dictionary(key, tie("value"), { maxKeys: 5 }),
    }))
    fc.assert(
      fc.property(value, (input) => {
        const { config, problems } = loadYaml(JSON.stringify(input), "f")
        expect(config === null).toBe(problems.some(({ severity }) => severity === "error"))
      }),
      { numRuns: 2_000 },
    )
  })
})
