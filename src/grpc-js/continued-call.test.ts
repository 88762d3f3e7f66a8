import { Metadata, status } from "@grpc/grpc-js"
import { describe, expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { defaultContinuity } from "../config/defaults.ts"
import { ContinuedCall } from "./continued-call.ts"
import type { CallListener, LegCall, MessageContext } from "./types.ts"

const metadataOf = (fields: Record<string, string>): Metadata => {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
  return metadata
}

/** One leg, as the test's backend sees it. */
class FakeLeg {
  head: Record<string, unknown> = {}
  readonly got: unknown[] = []
  readonly contexts: MessageContext[] = []
  reads = 0
  isHalfClosed = false
  cancelled: string | null = null
  #listener: CallListener = {}

  readonly call: LegCall = {
    start: (metadata: Metadata, listener: CallListener = {}) => {
      this.head = metadata.getMap()
      this.#listener = listener
    },
    sendMessageWithContext: (context: MessageContext, message: unknown) => {
      this.got.push(message)
      this.contexts.push(context)
    },
    sendMessage: () => {},
    startRead: () => void this.reads++,
    halfClose: () => {
      this.isHalfClosed = true
    },
    cancelWithStatus: (_code: number, details: string) => {
      this.cancelled = details
    },
    getPeer: () => "backend",
    getAuthContext: () => null,
  } as LegCall

  says(fields: Record<string, string>): void {
    this.#listener.onReceiveMetadata?.(metadataOf(fields))
  }

  sends(message: unknown): void {
    this.#listener.onReceiveMessage?.(message)
  }

  takes(): void {
    for (const { callback } of this.contexts.splice(0)) callback?.()
  }

  ends(code: status, fields: Record<string, string> = {}, details = "over"): void {
    this.#listener.onReceiveStatus?.({ code, details, metadata: metadataOf(fields) })
  }
}

const ACCEPTS = { "continuity-accept": "handoff, resume", "continuity-session": "s" }

function bed(
  options: Partial<ReturnType<typeof defaultContinuity>> = {},
  isClosed: () => boolean = () => false,
) {
  const clock = new ManualClock()
  const legs: FakeLeg[] = []
  const call = new ContinuedCall({
    config: { ...defaultContinuity(), modes: ["handoff", "resume"], ...options },
    clock,
    random: () => 0.5,
    id: "c",
    octetsOf: (message) => String(message).length,
    openLeg: () => {
      if (isClosed()) throw new Error("Channel has been shut down")
      const leg = new FakeLeg()
      legs.push(leg)
      return leg.call
    },
  })
  const told: string[] = []
  const taken: string[] = []
  call.start(metadataOf({ "x-own": "1" }), {
    onReceiveMetadata: (metadata) => told.push(`head ${JSON.stringify(metadata.getMap())}`),
    onReceiveMessage: (message) => told.push(`message ${String(message)}`),
    onReceiveStatus: ({ code, details }) => told.push(`status ${code} ${details}`),
  })
  const send = (...messages: string[]): void => {
    for (const message of messages)
      call.sendMessageWithContext({ callback: () => taken.push(message) }, message)
  }
  return { clock, legs, call, told, taken, send, leg: (at: number): FakeLeg => legs[at]! }
}

test("a leg says which it is, and the caller sees nothing of it", () => {
  const { leg, told } = bed()
  expect(leg(0).head).toEqual({
    "x-own": "1",
    "continuity-call": "c",
    "continuity-leg": "0",
    "continuity-offer": "handoff, resume",
  })
  leg(0).says({ ...ACCEPTS, "x-theirs": "2" })
  leg(0).ends(status.OK, { "continuity-received": "0" })
  expect(told).toEqual(['head {"x-theirs":"2"}', "status 0 over"])
})

describe("resume", () => {
  test("the next leg begins behind what the backend has, with one head for the caller", () => {
    const { clock, legs, leg, told, send, call } = bed()
    leg(0).says(ACCEPTS)
    send("a", "b", "c")
    call.startRead()
    leg(0).sends(1)
    leg(0).ends(status.UNAVAILABLE, {}, "Connection dropped")
    clock.advance(0)
    expect(legs).toHaveLength(2)
    expect(leg(1).head).toMatchObject({
      "continuity-leg": "1",
      "continuity-session": "s",
      "continuity-delivered": "1",
      "continuity-holds": "1",
    })
    send("d")
    // Nothing before the head.
    expect(leg(1).got).toEqual([])
    leg(1).says({ ...ACCEPTS, "continuity-received": "2" })
    expect(leg(1).got).toEqual(["c", "d"])
    leg(1).sends(2)
    leg(1).ends(status.OK)
    expect(told).toEqual(["head {}", "message 1", "message 2", "status 0 over"])
  })

  test("what the caller waits to read is asked of the next leg", () => {
    const { clock, leg, call } = bed()
    leg(0).says(ACCEPTS)
    call.startRead()
    leg(0).ends(status.UNAVAILABLE)
    clock.advance(0)
    expect(leg(1).reads).toBe(1)
  })

  test("a message that a dead leg did not take is told as taken by the next, and once", () => {
    const { clock, leg, send, taken } = bed()
    leg(0).says(ACCEPTS)
    send("a", "b")
    const late = [...leg(0).contexts]
    leg(0).ends(status.UNAVAILABLE)
    clock.advance(0)
    leg(1).says({ ...ACCEPTS, "continuity-received": "1" })
    // The backend has it, so it is taken.
    expect(taken).toEqual(["a"])
    for (const { callback } of late) callback?.()
    expect(taken).toEqual(["a"])
    leg(1).takes()
    leg(1).takes()
    expect(taken).toEqual(["a", "b"])
  })

  test("half-close follows the last message, on each leg", () => {
    const { clock, leg, send, call } = bed()
    leg(0).says(ACCEPTS)
    send("a")
    call.halfClose()
    expect(leg(0).isHalfClosed).toBe(true)
    leg(0).ends(status.UNAVAILABLE)
    clock.advance(0)
    expect(leg(1).isHalfClosed).toBe(false)
    leg(1).says({ ...ACCEPTS, "continuity-received": "0" })
    expect([leg(1).got, leg(1).isHalfClosed]).toEqual([["a"], true])
  })

  test.each<[string, Record<string, string>, string]>([
    ["silence is not 0", {}, "did not say continuity-received"],
    ["more than was sent", { "continuity-received": "3" }, "only 2 messages were sent"],
    ["nonsense", { "continuity-received": "x" }, "cannot be read"],
  ])("%s: the call ends, and the leg too", (_, fields, reason) => {
    const { clock, leg, send, told } = bed()
    leg(0).says(ACCEPTS)
    send("a", "b")
    leg(0).ends(status.UNAVAILABLE)
    clock.advance(0)
    leg(1).says({ ...ACCEPTS, ...fields })
    expect(told.at(-1)).toMatch(/^status 14 /)
    expect(told.at(-1)).toContain(reason)
    expect(leg(1).cancelled).toContain(reason)
  })

  test("fewer than a backend had before: the call ends", () => {
    const { clock, leg, send, told } = bed()
    leg(0).says(ACCEPTS)
    send("a", "b")
    leg(0).ends(status.UNAVAILABLE)
    clock.advance(0)
    leg(1).says({ ...ACCEPTS, "continuity-received": "2" })
    leg(1).ends(status.UNAVAILABLE)
    clock.advance(1000)
    leg(2).says({ ...ACCEPTS, "continuity-received": "1" })
    expect(told.at(-1)).toContain("was 2 before")
  })

  test("what is no longer kept cannot be sent again", () => {
    const { clock, leg, send, told } = bed({ keepOctets: 2 })
    leg(0).says(ACCEPTS)
    send("aa", "bb", "cc")
    leg(0).takes()
    leg(0).ends(status.UNAVAILABLE)
    clock.advance(0)
    expect(leg(1).head).toMatchObject({ "continuity-holds": "3" })
    leg(1).says({ ...ACCEPTS, "continuity-received": "1" })
    expect(told.at(-1)).toContain("only messages from 3 on are kept")
  })

  test("a refusal ends the call with the backend's words", () => {
    const { clock, leg, told } = bed()
    leg(0).says(ACCEPTS)
    leg(0).ends(status.UNAVAILABLE)
    clock.advance(0)
    leg(1).ends(status.UNAVAILABLE, { "continuity-refuse": "no such session" })
    expect(told.at(-1)).toContain("no such session")
  })
})

describe("handoff", () => {
  const HANDOFF = { "continuity-handoff": "s", "continuity-received": "1" }

  test("it says what was taken, and the next head may leave it out", () => {
    const { clock, leg, send } = bed()
    leg(0).says(ACCEPTS)
    send("a", "b")
    leg(0).ends(status.UNAVAILABLE, HANDOFF)
    clock.advance(0)
    leg(1).says(ACCEPTS)
    expect(leg(1).got).toEqual(["b"])
  })

  test("without what was taken the call ends", () => {
    const { leg, legs, send, told } = bed()
    leg(0).says(ACCEPTS)
    send("a")
    leg(0).ends(status.UNAVAILABLE, { "continuity-handoff": "1" })
    expect(told.at(-1)).toContain("did not say continuity-received")
    expect(legs).toHaveLength(1)
  })
})

describe("what is no reason to go on", () => {
  test.each<[string, status, Record<string, string>]>([
    ["OK", status.OK, ACCEPTS],
    ["an answer", status.NOT_FOUND, ACCEPTS],
    ["the caller's cancel", status.CANCELLED, ACCEPTS],
    ["a deadline", status.DEADLINE_EXCEEDED, ACCEPTS],
    ["a backend that knows nothing of it", status.UNAVAILABLE, {}],
  ])("%s", (_, code, head) => {
    const { leg, legs, told } = bed()
    leg(0).says(head)
    leg(0).ends(code)
    expect(told.at(-1)).toBe(`status ${code} over`)
    expect(legs).toHaveLength(1)
  })

  test("no backend was reached at all", () => {
    const { leg, legs, told } = bed()
    leg(0).ends(status.UNAVAILABLE, {}, "No connection established")
    expect(told).toEqual(["status 14 No connection established"])
    expect(legs).toHaveLength(1)
  })

  test("INTERNAL from the backend is an answer, a reset is not", () => {
    const { leg, legs, clock } = bed()
    leg(0).says(ACCEPTS)
    leg(0).ends(status.INTERNAL, {}, "Received RST_STREAM with code 2 (Internal server error)")
    clock.advance(0)
    expect(legs).toHaveLength(2)
    leg(1).says({ ...ACCEPTS, "continuity-received": "0" })
    leg(1).ends(status.INTERNAL, {}, "my own fault")
    expect(legs).toHaveLength(2)
  })
})

describe("bounds", () => {
  test("legs in a row that do not last", () => {
    const { clock, leg, legs, told } = bed({ legsMax: 3 })
    leg(0).says(ACCEPTS)
    for (let i = 0; i < 3; i++) {
      leg(i).ends(status.UNAVAILABLE)
      clock.advance(5000)
      leg(i + 1)?.says({ ...ACCEPTS, "continuity-received": "0" })
    }
    expect(legs).toHaveLength(3)
    expect(told.at(-1)).toContain("legsMax")
  })

  test("the time without a backend", () => {
    const { clock, leg, legs, told } = bed({ gapMaxMs: 10_000 })
    leg(0).says(ACCEPTS)
    leg(0).ends(status.UNAVAILABLE)
    for (let i = 1; told.length < 2 && i < 100; i++) {
      clock.advance(2000)
      legs.at(-1)!.ends(status.UNAVAILABLE, {}, "No connection established")
    }
    expect(told.at(-1)).toContain("gapMax")
    expect(legs.length).toBeLessThan(20)
  })

  test("a cancel between legs ends the call, and no other leg is opened", () => {
    const { clock, leg, legs, call, told } = bed()
    leg(0).says(ACCEPTS)
    leg(0).ends(status.UNAVAILABLE)
    call.cancelWithStatus(status.CANCELLED, "enough")
    clock.advance(10_000)
    expect(told.at(-1)).toBe("status 1 enough")
    expect(legs).toHaveLength(1)
  })

  test("a channel that was closed between legs ends the call", () => {
    let isClosed = false
    const { clock, leg, told } = bed({}, () => isClosed)
    leg(0).says(ACCEPTS)
    leg(0).ends(status.UNAVAILABLE)
    isClosed = true
    clock.advance(0)
    expect(told.at(-1)).toBe("status 14 the stream cannot go on: Channel has been shut down")
  })

  test("nothing of an older leg is heard", () => {
    const { clock, leg, told } = bed()
    leg(0).says(ACCEPTS)
    leg(0).ends(status.UNAVAILABLE)
    clock.advance(0)
    leg(0).sends("late")
    leg(0).ends(status.OK)
    expect(told).toEqual(["head {}"])
  })
})
