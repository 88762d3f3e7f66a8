import { expect, test } from "vitest"
import { HeaderList } from "../../../http2/header-list.ts"
import {
  keepsItsStreams,
  type LegSays,
  legHead,
  readBackend,
  trailersOf,
  withoutContinuity,
} from "./fields.ts"

const list = (...fields: string[]): HeaderList => new HeaderList(fields)

test("the very same list where it says nothing of continuity, else one without", () => {
  const plain = list(":status", "200", "x-a", "1")
  expect(withoutContinuity(plain)).toBe(plain)
  const said = new HeaderList(
    ["x-a", "1", "continuity-session", "s", "continuity-", "", "x-b", "2"],
    new Set([0, 1, 3]),
  )
  const rest = withoutContinuity(said)
  expect(rest.fields).toEqual(["x-a", "1", "x-b", "2"])
  expect([...rest.neverIndexed!]).toEqual([0, 1])
})

test.for<[name: string, fields: string[], expected: object]>([
  ["nothing", [], { accepts: null, session: null, received: null, refuses: null, isHandoff: false }],
  ["accept", ["accept", "handoff, Resume"], { accepts: { handoff: true, resume: true } }],
  ["accept of what is not known", ["accept", "teleport"], { accepts: { handoff: false, resume: false } }],
  ["a session", ["session", "abc"], { session: "abc" }],
  ["a session that is too long", ["session", "a".repeat(4097)], { session: null }],
  ["received", ["received", "12"], { received: 12 }],
  ["received twice", ["received", "12", "received", "12"], { received: -1 }],
  ["received below 0", ["received", "-1"], { received: -1 }],
  ["received, not whole", ["received", "1.5"], { received: -1 }],
  ["received, empty", ["received", ""], { received: -1 }],
  ["a refusal", ["refuse", "gone"], { refuses: "gone" }],
  ["a handoff with its session", ["handoff", "token"], { isHandoff: true, session: "token" }],
  ["a handoff beside a session", ["handoff", "token", "session", "s"], { isHandoff: true, session: "s" }],
  ["a plain handoff", ["handoff", "1"], { isHandoff: true, session: null }],
])("a backend says %s", ([, fields, expected]) => {
  const named = fields.map((text, at) => (at % 2 === 0 ? `continuity-${text}` : text))
  expect(readBackend(list(...named))).toMatchObject(expected)
})

const first: LegSays = {
  call: "c".repeat(32),
  leg: 0,
  offer: "handoff, resume",
  goesOn: null,
  timeoutMs: null,
}

test("the head of leg 0: a client's own fields of that kind do not cross", () => {
  const head = legHead(list(":path", "/a", "continuity-session", "stolen", "x-a", "1"), first)
  expect(head.fields).toEqual([
    ...[":path", "/a", "x-a", "1", "continuity-call", first.call],
    ...["continuity-leg", "0", "continuity-offer", "handoff, resume"],
  ])
  expect([...head.neverIndexed!]).toEqual([2])
})

test("the head of a later leg says from where, and what is left of the deadline", () => {
  const goesOn = { session: "s", delivered: 3, holds: 2 }
  const head = legHead(list("grpc-timeout", "10S"), { ...first, leg: 2, goesOn, timeoutMs: 1500.7 })
  expect(head.fields).toEqual([
    ...["grpc-timeout", "1500m", "continuity-call", first.call, "continuity-leg", "2"],
    ...["continuity-offer", "handoff, resume", "continuity-session", "s"],
    ...["continuity-delivered", "3", "continuity-holds", "2"],
  ])
})

test.for<[ms: number, text: string]>([
  [-5, "1m"],
  [0.4, "1m"],
  [99_999_999, "99999999m"],
  [100_000_000, "100000S"],
])("a deadline in %d ms is %s", ([timeoutMs, text]) => {
  expect(legHead(list(), { ...first, timeoutMs }).get("grpc-timeout")).toBe(text)
})

test("Trailers-Only as trailers", () => {
  const head = list(":status", "200", "content-type", "application/grpc", "grpc-status", "5")
  expect(trailersOf(head).fields).toEqual(["grpc-status", "5"])
})

test("the length that a client has said is told the first leg only: a later one is sent a part, or more", () => {
  const said = list("content-length", "12", "x-a", "1")
  expect(legHead(said, first).get("content-length")).toBe("12")
  expect(legHead(said, { ...first, leg: 1 }).fields).not.toContain("content-length")
})

test.each([
  ["a text of 4,096 octets", "a".repeat(4096), "a".repeat(4096)],
  ["none", "", null],
])("a session may be %s", (_, session, expected) => {
  expect(readBackend(list("continuity-accept", "resume", "continuity-session", session)).session).toBe(
    expected,
  )
})

test("a handoff that names too long a session names none", () => {
  const handoff = (value: string) =>
    readBackend(list("continuity-accept", "handoff", "continuity-handoff", value))
  expect(handoff("a".repeat(4097))).toMatchObject({ isHandoff: true, session: null })
  expect(handoff("a".repeat(4096)).session).toHaveLength(4096)
})

test("all that a head says is read, whatever stands between", () => {
  const said = list(
    "x-received",
    "9",
    "continuity-accept",
    "handoff",
    "continuity-received",
    "3",
    "content-type",
    "a",
    "continuity-session",
    "s",
    "continuity-refuse",
    "why",
  )
  expect(readBackend(said)).toEqual({
    accepts: { handoff: true, resume: false },
    session: "s",
    received: 3,
    refuses: "why",
    isHandoff: false,
  })
})

test.each([
  [99_999_999, "99999999m"],
  [99_999_999.9, "99999999m"],
  [100_000_000, "100000S"],
  [100_000_999, "100000S"],
  [1e15, "99999999S"],
  [0.2, "1m"],
])("%d ms of a deadline are %s", (timeoutMs, expected) => {
  const says: LegSays = { call: "c", leg: 1, offer: "resume", goesOn: null, timeoutMs }
  expect(legHead(list("grpc-timeout", "1S"), says).get("grpc-timeout")).toBe(expected)
})

test("a list without fields that must not be indexed has none", () => {
  const rest = withoutContinuity(list("x-a", "1", "continuity-session", "s"))
  expect(rest.neverIndexed).toBe(null)
})

test("a proxy that speaks for its own streams is believed where the route trusts it", () => {
  const plan = (clients: "trusted" | "untrusted") => ({ config: { clients } }) as never
  const offering = list("continuity-offer", "resume")
  expect(keepsItsStreams(plan("trusted"), offering)).toBe(true)
  expect(keepsItsStreams(plan("untrusted"), offering)).toBe(false)
  expect(keepsItsStreams(plan("trusted"), list("x", "y"))).toBe(false)
})
