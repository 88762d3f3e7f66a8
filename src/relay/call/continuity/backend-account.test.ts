import { describe, expect, test } from "vitest"
import { HeaderList } from "../../../http2/header-list.ts"
import { BackendAccount } from "./backend-account.ts"
import { readBackend } from "./fields.ts"

const says = (...fields: string[]) => readBackend(new HeaderList(fields))

describe("what a backend has said of a call", () => {
  test("at first nothing", () => {
    expect(new BackendAccount()).toMatchObject({
      isBegun: false,
      acceptsHandoff: false,
      acceptsResume: false,
      isAware: false,
      session: null,
      received: 0,
      handedOff: null,
      hasClientHead: false,
    })
  })

  test.each<[string[], object]>([
    [
      ["continuity-accept", "handoff"],
      { acceptsHandoff: true, acceptsResume: false, isAware: true, session: null },
    ],
    [
      ["continuity-accept", "resume", "continuity-session", "s"],
      { acceptsHandoff: false, acceptsResume: true, isAware: true, session: "s" },
    ],
    [["continuity-session", "s"], { isAware: false, session: null, isBegun: true }],
    [[], { isAware: false, session: null, isBegun: true }],
  ])("%j", (fields, expected) => {
    const account = new BackendAccount()
    account.note(says(...fields))
    expect(account).toMatchObject(expected)
  })

  test("a session stays until another is said; what it accepts does not", () => {
    const account = new BackendAccount()
    account.note(says("continuity-accept", "resume", "continuity-session", "s"))
    account.note(says("continuity-accept", "handoff"))
    expect(account).toMatchObject({ session: "s", acceptsHandoff: true, acceptsResume: false })
    account.note(says())
    expect(account).toMatchObject({ session: "s", acceptsHandoff: false })
  })
})

describe("how a leg ended that ended by trailers", () => {
  const HANDOFF = ["continuity-accept", "handoff"]
  const end = (
    head: string[],
    trailers: string[],
    isWithin = false,
  ): { end: unknown; account: BackendAccount } => {
    const account = new BackendAccount()
    account.note(says(...head))
    return { end: account.endOf(new HeaderList(trailers), [14, 8], isWithin), account }
  }
  test.each<[string, string[], string[], boolean, unknown]>([
    ["an answer", HANDOFF, ["grpc-status", "0"], false, null],
    ["without a status", HANDOFF, [], false, null],
    [
      "a status that counts as a failure",
      HANDOFF,
      ["grpc-status", "8"],
      false,
      { kind: "failed_status", grpcStatus: 8 },
    ],
    [
      "handed off",
      HANDOFF,
      ["grpc-status", "14", "continuity-handoff", "1"],
      false,
      { kind: "handed_off", received: null },
    ],
    [
      "handed off, with what it has",
      HANDOFF,
      ["grpc-status", "14", "continuity-handoff", "1", "continuity-received", "3"],
      false,
      { kind: "handed_off", received: 3 },
    ],
    [
      "handed off within a message",
      HANDOFF,
      ["grpc-status", "14", "continuity-handoff", "1"],
      true,
      { kind: "unfit", reason: "handed off within a message" },
    ],
    ["handed off with another status", HANDOFF, ["grpc-status", "9", "continuity-handoff", "1"], false, null],
    [
      "UNAVAILABLE without a handoff",
      HANDOFF,
      ["grpc-status", "14"],
      false,
      { kind: "failed_status", grpcStatus: 14 },
    ],
    [
      "a handoff of one that accepts none",
      [],
      ["grpc-status", "14", "continuity-handoff", "1"],
      false,
      { kind: "failed_status", grpcStatus: 14 },
    ],
    [
      "a handoff of one that accepts it now",
      [],
      ["grpc-status", "14", "continuity-handoff", "1", "continuity-accept", "handoff"],
      false,
      { kind: "handed_off", received: null },
    ],
  ])("%s", (_, head, trailers, isWithin, expected) =>
    expect(end(head, trailers, isWithin).end).toEqual(expected),
  )

  test("a handoff names the session, or leaves the one before", () => {
    const named = end(HANDOFF, ["grpc-status", "14", "continuity-handoff", "s2", "continuity-received", "3"])
    expect(named.account).toMatchObject({ session: "s2", handedOff: 3 })
    const plain = end(
      [...HANDOFF, "continuity-session", "s1"],
      ["grpc-status", "14", "continuity-handoff", "1"],
    )
    expect(plain.account).toMatchObject({ session: "s1", handedOff: null })
  })
})

test("later heads must have the encoding of the first", () => {
  const account = new BackendAccount()
  const head = (...more: string[]) => new HeaderList(["content-type", "application/grpc", ...more])
  expect([account.takeEncoding(head()), account.hasClientHead]).toEqual([null, true])
  expect(account.takeEncoding(head("grpc-encoding", "identity"))).toBe(null)
  expect(account.takeEncoding(head("grpc-encoding", "gzip"))).toBe(
    "its head says application/grpc gzip, the client has application/grpc identity",
  )
  expect(account.takeEncoding(head())).toBe(null)
})
