import { describe, expect, test } from "vitest"
import { loadConfig } from "./load.ts"
import { placeOf } from "./problem.ts"

/** A configuration on a disk that has nothing beside it but /etc and /var/log. */
function load(path: string, text: string) {
  const { config, problems } = loadConfig(path, {
    read(asked) {
      if (asked === path) return Buffer.from(text)
      throw new Error("ENOENT")
    },
    list: () => [],
    isDirectory: (directory) => ["/etc", "/var/log"].includes(directory),
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

describe("what is missing is a warning where it is written", () => {
  test("in sluice.yaml", () => {
    const text = `listeners:
  - address: 127.0.0.1:443
    tls: { certificates: [{ cert: /etc/a.pem, key: /etc/a.key }], clientCa: "/etc/ca.pem" }
routes: [{ cluster: a, tls: { ca: ca.pem }, bridge: { webSocket: true, descriptorSet: a.pb } }]
clusters: { a: ["127.0.0.1:3000"] }
# log: /logs/a.log
log: { path: /logs/a.log }
accessLog: [/var/log/a.log, /dev/stdout, stderr, /logs/b.log]
pidFile: /run/sluice/a.pid
`
    expect(load("a.yaml", text)).toEqual({
      isUsable: true,
      told: [
        'a.yaml:3:35: warning: cannot read "/etc/a.pem"',
        'a.yaml:3:52: warning: cannot read "/etc/a.key"',
        'a.yaml:3:78: warning: cannot read "/etc/ca.pem"',
        'a.yaml:4:35: warning: cannot read "ca.pem"',
        'a.yaml:4:87: warning: cannot read "a.pb"',
        'a.yaml:7:14: warning: the directory "/logs" of the log does not exist',
        'a.yaml:9:10: warning: the directory "/run/sluice" of the pid file does not exist',
        'a.yaml:8:50: warning: the directory "/logs" of the access log does not exist',
      ],
    })
  })

  test("in nginx.conf, once each", () => {
    const text = `error_log /logs/a.log;
pid /run/sluice/a.pid;
server {
  listen 443 ssl http2;
  ssl_certificate /etc/a.pem;
  ssl_certificate_key /etc/a.key;
  access_log logs/b.log;
  location / { grpc_pass 127.0.0.1:3000; }
}
`
    expect(load("/etc/a.conf", text)).toEqual({
      isUsable: true,
      told: [
        '/etc/a.conf:5:19: warning: cannot read "/etc/a.pem"',
        '/etc/a.conf:6:23: warning: cannot read "/etc/a.key"',
        '/etc/a.conf:1:11: warning: the directory "/logs" of the log does not exist',
        '/etc/a.conf:2:5: warning: the directory "/run/sluice" of the pid file does not exist',
        '/etc/a.conf: warning: the directory "/etc/logs" of the access log does not exist',
      ],
    })
  })
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
