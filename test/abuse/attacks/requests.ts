import type { CounterName } from "../../../src/base/counters.ts"
import type { Attack } from "../attack.ts"
import type { Field } from "../hpack.ts"
import { request } from "../peer.ts"
import { type Probe, probe } from "../probe.ts"

const PATH = "/abuse.Attack/Echo"

/** The honest request with some of its fields replaced. */
const but = (changes: Record<string, string>): Field[] =>
  request(PATH).map(([name, value]) => [name, changes[name] ?? value])
const plus = (...extra: Field[]): Field[] => request(PATH, extra)
const without = (name: string): Field[] => request(PATH).filter(([key]) => key !== name)

/** `:path` and `:authority` that two readers read in two ways: CVE-2026-33186 of grpc-go, RFC 9113 §8.3.1. */
const paths: Probe[] = [
  { name: "no-slash", fields: but({ ":path": "abuse.Attack/Echo" }) },
  { name: "empty-path", fields: but({ ":path": "" }) },
  { name: "fragment", fields: but({ ":path": `${PATH}#/abuse.Attack/Hold` }) },
  { name: "control", fields: but({ ":path": `${PATH}\u0001` }) },
  { name: "space", fields: but({ ":path": `${PATH} HTTP/1.1` }) },
  { name: "absolute", fields: but({ ":path": `http://other.test${PATH}` }) },
  { name: "no-path", fields: without(":path") },
  { name: "two-paths", fields: [[":path", "/abuse.Attack/Hold"], ...request(PATH)] },
  { name: "userinfo", fields: but({ ":authority": "admin@abuse.test" }) },
  { name: "host-differs", fields: plus(["host", "other.test"]) },
  { name: "authority-path", fields: but({ ":authority": "abuse.test/admin" }) },
]

/** What becomes something else in HTTP/1.1 or at a second parser: RFC 9113 §8.2, §8.3, §10.3. */
const fields: Probe[] = [
  { name: "cr-lf", fields: plus(["x-note", "a\r\nx-admin: yes"]) },
  { name: "lf", fields: plus(["x-note", "a\nx-admin: yes"]) },
  { name: "nul", fields: plus(["x-note", "a\0b"]) },
  { name: "edge-space", fields: plus(["x-note", " a"]) },
  { name: "upper-case", fields: plus(["X-Note", "a"]) },
  { name: "colon-in-name", fields: plus(["x:note", "a"]) },
  { name: "space-in-name", fields: plus(["x note", "a"]) },
  { name: "empty-name", fields: plus(["", "a"]) },
  { name: "connection", fields: plus(["connection", "x-note"]) },
  { name: "transfer-encoding", fields: plus(["transfer-encoding", "chunked"]) },
  { name: "upgrade", fields: plus(["upgrade", "h2c"]) },
  { name: "te-gzip", fields: [...without("te"), ["te", "gzip"]] },
  { name: "late-pseudo", fields: plus([":scheme", "https"]) },
  { name: "unknown-pseudo", fields: [[":admin", "yes"], ...request(PATH)] },
  { name: "status", fields: [[":status", "200"], ...request(PATH)] },
  { name: "method-with-space", fields: but({ ":method": "GET / HTTP/1.1" }) },
  { name: "content-length-short", fields: plus(["content-length", "1"]), data: "four" },
  { name: "content-length-long", fields: plus(["content-length", "9"]), data: "four" },
  {
    name: "content-length-twice",
    fields: plus(["content-length", "4"], ["content-length", "5"]),
    data: "four",
  },
  { name: "content-length-sign", fields: plus(["content-length", "+4"]), data: "four" },
]

/** A second header block on the stream: RFC 9113 §8.1. */
const trailers: Probe[] = [
  { name: "pseudo", fields: plus(), trailers: [[":path", "/abuse.Attack/Hold"]] },
  { name: "no-end", fields: plus(), trailers: [["x-note", "a"]], trailersEnd: false },
  { name: "content-length", fields: plus(), trailers: [["content-length", "9"]] },
  { name: "transfer-encoding", fields: plus(), trailers: [["transfer-encoding", "chunked"]] },
  { name: "connection", fields: plus(), trailers: [["connection", "close"]] },
  {
    name: "huge",
    fields: plus(),
    trailers: Array.from({ length: 100 }, () => ["x-note", "h".repeat(1200)] as const),
  },
]

/** gRPC over HTTP/2, Timeout: at most 8 digits and a unit; JavaScript fires timers above 2^31-1 ms at once. */
const timeouts: Probe[] = [
  { name: "99999999H", fields: plus(["grpc-timeout", "99999999H"]), serves: true },
  { name: "2147483648m", fields: plus(["grpc-timeout", "35791395M"]), serves: true },
  { name: "nine-digits", fields: plus(["grpc-timeout", "123456789S"]), serves: null },
  { name: "no-unit", fields: plus(["grpc-timeout", "10"]), serves: null },
  { name: "negative", fields: plus(["grpc-timeout", "-1S"]), serves: null },
  { name: "exponent", fields: plus(["grpc-timeout", "1e9S"]), serves: null },
  { name: "long", fields: plus(["grpc-timeout", `${"9".repeat(5000)}S`]), serves: null },
]

/** Names that are something in JavaScript, and values that make a careless regular expression work for hours. */
const scripts: Probe[] = [
  { name: "__proto__", fields: plus(["__proto__", "polluted"]), serves: null },
  { name: "constructor", fields: plus(["constructor", "polluted"], ["tostring", "x"]), serves: null },
  { name: "proto-path", fields: but({ ":path": "/__proto__/constructor" }), serves: null },
  { name: "proto-authority", fields: but({ ":authority": "__proto__" }), serves: null },
  { name: "spaces", fields: plus(["x-note", `a${" ".repeat(8000)}b`]), serves: null },
  { name: "commas", fields: plus(["accept-encoding", `${",".repeat(8000)}a`]), serves: null },
  { name: "nested", fields: plus(["content-type", `application/grpc${"+a".repeat(3000)}`]), serves: null },
  { name: "dots", fields: but({ ":authority": `${"a.".repeat(3000)}test` }), serves: null },
  { name: "percent", fields: but({ ":path": `${PATH}?${"%".repeat(8000)}` }), serves: null },
  { name: "latin1", fields: plus(["x-note", "\u00ff\u00fe\u0080"]), serves: null },
]

const attack = (
  name: string,
  source: string,
  how: string,
  held: string,
  counters: CounterName[],
  probes: Probe[],
): Attack => ({
  name,
  source,
  how: `${how}: ${probes.map((one) => one.name).join(", ")}`,
  side: "downstream",
  pace: "flood",
  unread: false,
  counters,
  bar: { held, end: "may" },
  run: (stage) => probe(stage, probes),
})

export const requests: Attack[] = [
  attack(
    "path-confusion",
    "CVE-2026-33186; RFC 9113 §8.3.1, §10.3",
    "a path or authority that routes one way here and another way behind",
    "each refused, none reaches the backend",
    ["path_refused", "header_malformed"],
    paths,
  ),
  attack(
    "smuggling",
    "CVE-2021-33193 family; RFC 9113 §8.2, §10.3, RFC 9110 §5.5",
    "fields that mean something else to the next parser",
    "each refused, or taken out before the backend",
    ["header_malformed", "content_length_mismatch"],
    fields,
  ),
  attack(
    "trailers-abuse",
    "RFC 9113 §8.1, RFC 9110 §6.5",
    "trailers with what does not belong there",
    "each refused, or taken out before the backend",
    [
      "trailers_malformed",
      "header_malformed",
      "header_list_too_large",
      "continuation_flood",
      "header_block_too_large",
    ],
    trailers,
  ),
  attack(
    "grpc-timeout",
    "gRPC over HTTP/2, Timeout",
    "deadlines that overflow or do not parse",
    "far deadlines are served, not cut at once; malformed ones are refused or passed on",
    ["grpc_timeout_malformed"],
    timeouts,
  ),
  attack(
    "javascript",
    "CWE-1321, CWE-1333",
    "prototype names and regular-expression bait",
    "answered or refused, and the neighbour does not notice",
    [],
    scripts,
  ),
]
