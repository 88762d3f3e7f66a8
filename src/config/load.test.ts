import { describe, expect, test } from "vitest"
import { loadConfig } from "./load.ts"
import { placeOf } from "./problem.ts"

/** A configuration on a disk that has nothing beside it but /etc, /var/log and what is in `/full`, which is read-only. */
function load(path: string, text: string) {
  const files = { read: () => Buffer.from(text), list: () => [] }
  const { config, problems } = loadConfig(path, files, {
    canRead: () => false,
    isDirectory: (directory) => ["/etc", "/var/log", "/full"].includes(directory),
    writeProblem: (asked) => (asked.startsWith("/full") ? "permission denied" : null),
    canMakeDirectory: (directory) => !directory.startsWith("/logs"),
  })
  const told = problems
    .filter(({ severity }) => severity !== "note")
    .map((problem) => `${placeOf(problem)}: ${problem.severity}: ${problem.message}`)
  return { isUsable: config !== null, told }
}

test.for(["listeners: 127.0.0.1:0", "listeners: unix:/etc/s", "listeners: 127.0.0.1:80"])(
  "several workers share %s",
  (settings) => {
    const text = `workers: 2\n${settings}\nclusters: {a: ["127.0.0.1:3000"]}`
    expect(load("a.yaml", text)).toEqual({ isUsable: true, told: [] })
  },
)

describe("what a start would find of files that are named, where they are named", () => {
  test("in sluice.yaml", () => {
    const text = `listeners:
  - address: 127.0.0.1:443
    tls: { certificates: [{ cert: /etc/a.pem, key: /etc/a.key }], clientCa: "/etc/ca.pem" }
routes: [{ cluster: a, tls: { ca: ca.pem }, bridge: { webSocket: true, descriptorSet: a.pb } }]
clusters: { a: ["127.0.0.1:3000"] }
# log: /logs/a.log
log: { path: /logs/a.log }
accessLog: [/var/log/a.log, /dev/stdout, stderr, /logs/b.log, /made/c.log, /full/d.log]
pidFile: /run/sluice/a.pid
`
    expect(load("a.yaml", text)).toEqual({
      isUsable: false,
      told: [
        'a.yaml:3:35: error: cannot read "/etc/a.pem"',
        'a.yaml:3:52: error: cannot read "/etc/a.key"',
        'a.yaml:3:78: error: cannot read "/etc/ca.pem"',
        'a.yaml:4:35: error: cannot read "ca.pem"',
        'a.yaml:4:87: error: cannot read "a.pb"',
        'a.yaml:7:14: warning: the directory "/logs" of the log does not exist and cannot be made: standard error is used',
        'a.yaml:8:50: warning: the directory "/logs" of the access log does not exist and cannot be made: this log is not written',
        'a.yaml:8:76: error: cannot open the access log "/full/d.log": permission denied',
        'a.yaml:9:10: warning: the directory "/run/sluice" of the pid file does not exist: none is written',
      ],
    })
  })

  test("of services that are asked about calls", () => {
    const tls = (name: string) =>
      `tls: { ca: /tls/${name}.ca, cert: /tls/${name}.pem, key: /tls/${name}.key }`
    const text = `listeners: 127.0.0.1:0
routes:
  - cluster: a
    extAuthz: { cluster: a, ${tls("authz")} }
    rateLimitService: { cluster: a, domain: d, descriptors: [{ k: $uri }], ${tls("rates")} }
clusters: { a: ["127.0.0.1:3000"] }
`
    expect(load("a.yaml", text).told.map((line) => line.replace(/:\d+: error: cannot read/, ""))).toEqual([
      'a.yaml:4 "/tls/authz.ca"',
      'a.yaml:4 "/tls/authz.pem"',
      'a.yaml:4 "/tls/authz.key"',
      'a.yaml:5 "/tls/rates.ca"',
      'a.yaml:5 "/tls/rates.pem"',
      'a.yaml:5 "/tls/rates.key"',
    ])
  })

  test("in nginx.conf, relative paths too, once each", () => {
    const text = `error_log /logs/a.log;
pid /run/sluice/a.pid;
server {
  listen 443 ssl http2;
  ssl_certificate a.pem;
  ssl_certificate_key /etc/a.key;
  access_log /logs/b.log;
  access_log made/c.log;
  location / { grpc_pass 127.0.0.1:3000; }
}
`
    expect(load("/etc/a.conf", text)).toEqual({
      isUsable: false,
      told: [
        '/etc/a.conf:5:19: error: cannot read "/etc/a.pem"',
        '/etc/a.conf:6:23: error: cannot read "/etc/a.key"',
        '/etc/a.conf:1:11: warning: the directory "/logs" of the log does not exist and cannot be made: standard error is used',
        '/etc/a.conf:7:14: warning: the directory "/logs" of the access log does not exist and cannot be made: this log is not written',
        '/etc/a.conf:2:5: warning: the directory "/run/sluice" of the pid file does not exist: none is written',
      ],
    })
  })
})

// `§` for the dollar of a shell.
test.for([
  ["server { listen §{PORT} http2; }", '1:17 "§{PORT}" is not filled in: this is a template'],
  [
    "upstream a { server §BACKEND_HOST:50051; } server { listen §{PORT}; }",
    '1:21 "§BACKEND_HOST" is not filled in, and 1 more: this is a template',
  ],
  ["server { listen 80; §{EXTRA}\n}", '1:21 "§{EXTRA}" is not filled in: this is a template'],
  [
    "server { §CERTIFICATES\n listen §{PORT}; location / { §EXTRA } }",
    '1:10 "§CERTIFICATES" is not filled in, and 2 more: this is a template',
  ],
  ["set §FOO 1;\nserver { listen 80; return 200 §FOO§HOST; }", '1:1 "set" directive is not allowed here'],
])("a template that is not filled in is one error: %s", ([text, expected]) => {
  const files = { read: () => Buffer.from(text!.replaceAll("§", "$")), list: () => [] }
  const { problems } = loadConfig("a.conf", files)
  const errors = problems.filter(({ severity }) => severity === "error")
  const [{ line, column, message, hint }] = errors as [(typeof errors)[number]]
  expect(`${line}:${column} ${message}`).toBe(expected!.replaceAll("$", "$$").replaceAll("§", "$"))
  expect(hint?.includes("envsubst") ?? false).toBe(!text!.startsWith("set"))
  if (!text!.startsWith("set")) expect(errors).toHaveLength(1)
})

test.for<[text: string, errors: string[]]>([
  [
    "upstream a {\n{{ range .Peers }}\n server {{ .Host }}:{{ .Port }};\n{{ end }}\n}",
    ['2:1 "{{ range .Peers }}" is not filled in, and 3 more: this is a template'],
  ],
  [
    "# {{ none }}\nserver {\n {% if tls %}\n listen {{ port }};\n}",
    ['3:2 "{% if tls %}" is not filled in, and 1 more: this is a template'],
  ],
  ["server {\n <% if @tls %>\n listen 80;\n}", ['2:2 "<% if @tls %>" is not filled in: this is a template']],
  // What nginx takes as it is, beside what is wrong.
  ['server {\n listen 80;\n return 200 "{{ a }}";\n}', []],
  ['server {\n lsten 80;\n return 200 "{{ a }}";\n}', ['2:2 unknown directive "lsten"']],
  ["server {\n listen 80;\n $extra;\n}", ['3:2 unknown directive "$extra"']],
])("a template of another program is one error: %j", ([text, expected]) => {
  const { problems } = loadConfig("a.conf", { read: () => Buffer.from(text), list: () => [] })
  const errors = problems.filter(({ severity }) => severity === "error")
  expect(errors.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual(expected)
  for (const { message, hint } of errors) if (!message.includes("lsten")) expect(hint).toMatch(/template/)
})

test.for([
  ["a.conf", "listeners: 8080\nclusters: { a: [b:1] }\n", true],
  ["a.conf", "listeners: 8080\n", true],
  ["a.conf", "listeners: 8080;\n", true],
  ["a.conf", "listen 8080", false],
  ["a.conf", "listn 8080;", false],
] as const)("of %s with %j the other format is thought of: %s", ([path, text, expected]) => {
  const { problems } = loadConfig(path, { read: () => Buffer.from(text), list: () => [] })
  expect(problems.some(({ hint }) => hint?.includes("is this sluice.yaml?"))).toBe(expected)
})
