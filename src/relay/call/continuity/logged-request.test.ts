import { describe, expect, test } from "vitest"
import { message } from "../../../../test/support/call-bed.ts"
import { Counters } from "../../../base/counters.ts"
import { resolveLimits } from "../../../base/resolve-limits.ts"
import { defaultContinuity } from "../../../config/defaults.ts"
import type { ContinuityConfig } from "../../../config/model.ts"
import { BufferBudget } from "../../../http2/buffer-budget.ts"
import { HeaderList } from "../../../http2/header-list.ts"
import { compileContinuity } from "../../route/continuity-plan.ts"
import type { Leg } from "../leg.ts"
import { LogCells } from "./log-cells.ts"
import { LoggedRequest } from "./logged-request.ts"

const HEAD = new HeaderList([":path", "/s/m"])

/** A request that is logged, its client's credit, and legs that take what `room` lets them. */
function bedOf(config: Partial<ContinuityConfig> = {}) {
  const plan = compileContinuity({ ...defaultContinuity(), modes: ["resume"], keepOctets: 1000, ...config })!
  const lines: string[] = []
  const downstream = { remoteEnded: false, consume: (octets: number) => lines.push(`credit ${octets}`) }
  const budget = new BufferBudget(resolveLimits({}).limits)
  let full = 0
  const counters = new Counters()
  const context = { budget, counters, logCells: new LogCells() }
  const owner = {
    downstream: downstream as never,
    context,
    plan,
    isBegun: false,
    isOff: false,
    onFull: () => full++,
  }
  const turnOff = (): void => {
    owner.isOff = true
    request.turnOff()
  }
  const request = new LoggedRequest(owner)
  /** A leg that takes `room` octets at once. */
  const legOf = (name: string, room = Number.POSITIVE_INFINITY, headerListMax = 10_000): Leg => {
    const text = (octets: Buffer, start: number, end: number): string =>
      octets.toString("latin1", start, end).replaceAll(/[^ -~]+/g, "|")
    const upstream = {
      sendData: (octets: Buffer, start: number, end: number, endStream: boolean) => {
        lines.push(`${name} ${text(octets, start, end)}${endStream ? " END" : ""}`)
        return Math.min(room, end - start)
      },
      sendHeaders: ({ fields }: HeaderList) => lines.push(`${name} trailers ${fields.join(" ")}`),
    }
    const leg = {
      octetsSent: 0,
      headerListMax,
      where: name,
      upstream: null as typeof upstream | null,
      open: (_list: HeaderList, endStream: boolean) => {
        lines.push(`${name} open${endStream ? " END" : ""}`)
        leg.upstream = upstream
        return upstream
      },
    }
    return leg as unknown as Leg
  }
  /** The client sends, in a larger buffer. */
  const send = (leg: Leg | null, octets: Buffer, endStream = false): void => {
    if (endStream) downstream.remoteEnded = true
    const around = Buffer.concat([Buffer.from("###"), octets, Buffer.from("###")])
    request.receive(leg, around, 3, 3 + octets.length, endStream)
  }
  const begin = (): void => {
    owner.isBegun = true
    request.commit()
  }
  return {
    request,
    begin,
    turnOff,
    downstream,
    budget,
    counters,
    legOf,
    send,
    full: () => full,
    take: () => lines.splice(0),
  }
}

/** The leg is over, and another follows, opened as said. */
const resumed = { kind: "wait" } as const

describe("what a client sends", () => {
  test("goes to the leg, and the client has credit for what that has taken", () => {
    const { request, legOf, send, take } = bedOf()
    const leg = legOf("a", 4)
    expect(request.open(leg, HEAD, false)).toBe(null)
    send(leg, message("one"))
    expect(take()).toEqual(["a open", "a |one", "credit 4"])
    request.sent(3)
    request.sent(1)
    expect(take()).toEqual(["credit 3", "credit 1"])
    expect([request.heldOctets, request.sentMessages, leg.octetsSent]).toEqual([8, 1, 8])
  })

  test("waits for a leg, and counts as held", () => {
    const { request, budget, legOf, send, take } = bedOf()
    send(null, message("one"))
    expect([take(), request.heldOctets, budget.octets]).toEqual([[], 8, 8])
    const leg = legOf("a")
    request.open(leg, HEAD, false)
    expect(take()).toEqual(["a open", "a |one", "credit 8"])
    expect(leg.octetsSent).toBe(8)
  })

  test("that has ended before its leg opens it ended", () => {
    const bare = bedOf()
    bare.send(null, Buffer.alloc(0), true)
    bare.request.open(bare.legOf("a"), HEAD, false)
    expect(bare.take()).toEqual(["a open END"])
    const some = bedOf()
    some.send(null, message("one"), true)
    some.request.open(some.legOf("a"), HEAD, false)
    expect(some.take()).toEqual(["a open", "a |one END", "credit 8"])
  })

  test("whose trailers came goes on with them, and ends by nothing else", () => {
    const { request, downstream, legOf, take } = bedOf()
    downstream.remoteEnded = true
    expect(request.receiveTrailers(null, new HeaderList(["x", "y", "te", "no"]))).toBe(null)
    request.open(legOf("a"), HEAD, false)
    expect(take()).toEqual(["a open", "a trailers x y"])
  })

  test("ends a leg by trailers, which may be too large for its endpoint", () => {
    const { request, legOf, take } = bedOf()
    const leg = legOf("a", 9, 50)
    request.open(leg, HEAD, false)
    take()
    expect(request.receiveTrailers(leg, new HeaderList(["x", "y".repeat(100)]))).toMatchObject({
      kind: "headers_too_large",
    })
    expect(request.receiveTrailers(leg, new HeaderList(["x", "y"]))).toBe(null)
    expect(take()).toEqual(["a trailers x y"])
    expect(request.open(legOf("b", 9, 10), HEAD, false)).toMatchObject({ kind: "headers_too_large" })
    expect(take()).toEqual([])
  })
})

describe("a later leg", () => {
  const later = (config: Partial<ContinuityConfig> = {}) => {
    const bed = bedOf(config)
    const first = bed.legOf("a")
    bed.request.open(first, HEAD, false)
    for (const text of ["one", "two"]) bed.send(first, message(text))
    bed.take()
    return bed
  }

  test("is sent nothing before it has said from where", () => {
    const { request, legOf, send, take } = later()
    request.detach(resumed)
    const leg = legOf("b")
    request.open(leg, HEAD, false)
    send(leg, message("six"))
    expect(request.receiveTrailers(leg, new HeaderList(["x", "y"]))).toBe(null)
    expect(take()).toEqual(["b open"])
    expect(request.canEndLeg).toBe(false)
    expect(request.resume(leg, 1)).toBe(null)
    expect(take()).toEqual(["b |two|six", "credit 8", "b trailers x y"])
    expect(leg.octetsSent).toBe(16)
  })

  test("forgets what its backend says that it has, and keeps it where that is not for good", () => {
    const { request, legOf } = later()
    request.detach(resumed)
    const leg = legOf("b")
    request.open(leg, HEAD, false)
    request.resume(leg, 1)
    expect([request.start, request.heldOctets]).toEqual([1, 8])
    const kept = later({ modes: ["resume", "lockstep"] })
    kept.request.detach(resumed)
    const other = kept.legOf("b")
    kept.request.open(other, HEAD, false)
    kept.request.resume(other, 1)
    expect([kept.request.start, kept.request.heldOctets]).toEqual([0, 16])
  })

  test("gives its client no second credit for what an earlier one took", () => {
    const { request, legOf, send, take } = later()
    send(null, message("abc"))
    request.detach(resumed)
    const leg = legOf("b", 3)
    request.open(leg, HEAD, false)
    request.resume(leg, 0)
    expect(take()).toEqual(["b open", "b |one|two|abc"])
    request.sent(13)
    expect(take()).toEqual([])
    request.sent(8)
    expect(take()).toEqual(["credit 8"])
  })

  test("gives credit for what the backend has, though no leg has said that it was taken", () => {
    const { request, legOf, send, take } = bedOf()
    const first = legOf("a", 0)
    request.open(first, HEAD, false)
    send(first, message("one"))
    take()
    request.detach(resumed)
    const leg = legOf("b")
    request.open(leg, HEAD, false)
    request.resume(leg, 1)
    expect(take()).toEqual(["b open", "credit 8"])
  })

  test("begins anew with one message again, which is no credit, then with those that were not sent", () => {
    const { request, legOf, send, take } = later({ modes: ["restart"], restartWith: "first" })
    send(null, message("abc"))
    const opening = request.restart("first")
    expect(opening).toMatchObject({ kind: "from", message: 2 })
    request.detach(opening)
    const leg = legOf("b", 5)
    request.open(leg, HEAD, false)
    expect(take()).toEqual(["b open", "b |one", "b |abc", "credit 2"])
    request.sent(3)
    request.sent(3)
    expect(take()).toEqual(["credit 3", "credit 3"])
    expect(leg.octetsSent).toBe(16)
  })

  test("begins anew with the last one, or with none", () => {
    const { request } = later({ modes: ["restart"], restartWith: "last" })
    const last = request.restart("last")
    expect(last.kind === "from" && last.again!.toString("latin1").slice(5)).toBe("two")
    expect(request.restart("none")).toEqual({ kind: "from", again: null, message: 2 })
    const unsent = bedOf({ modes: ["restart"], restartWith: "last" })
    unsent.send(null, message("one"))
    expect(unsent.request.restart("last")).toEqual({ kind: "from", again: null, message: 0 })
  })

  describe("that begins with a message longer than what is kept, of which more comes while it is opened", () => {
    const long = message("x".repeat(2000))
    const refused = (opening: "as the first" | "from the log") => {
      const bed = bedOf({ modes: ["restart"], restartWith: "none", keepOctets: 100 })
      const first = bed.legOf("a")
      bed.request.open(first, HEAD, false)
      bed.send(first, long.subarray(0, 1000))
      bed.request.keep()
      if (opening === "from the log") bed.request.detach(bed.request.restart("first"))
      bed.send(null, long.subarray(1000, 1500))
      return bed
    }

    test.each(["as the first", "from the log"] as const)("%s: is sent all of it", (opening) => {
      const { request, legOf, send, take } = refused(opening)
      const leg = legOf("b")
      take()
      request.open(leg, HEAD, false)
      expect([leg.octetsSent, take().at(-1)]).toEqual([1500, "credit 500"])
      send(leg, long.subarray(1500))
      expect([leg.octetsSent, take().at(-1)]).toEqual([long.length, "credit 505"])
    })
  })

  test("opened ended has nothing to come", () => {
    const { request, downstream, legOf, take } = later({ modes: ["restart"], restartWith: "last" })
    downstream.remoteEnded = true
    request.detach(request.restart("none"))
    request.open(legOf("b"), HEAD, false)
    expect(take()).toEqual(["b open END"])
    request.detach(request.restart("last"))
    request.open(legOf("c"), HEAD, false)
    expect(take()).toEqual(["c open", "c |two", "c  END"])
  })

  test("has what an earlier one was to be sent again under way no more", () => {
    const { request, legOf, send, take } = later({ modes: ["restart"], restartWith: "first" })
    request.detach(request.restart("first"))
    request.open(legOf("b", 0), HEAD, false)
    request.detach(request.restart("none"))
    const leg = legOf("c")
    request.open(leg, HEAD, false)
    take()
    send(leg, message("abc"))
    expect(take()).toEqual(["c |abc", "credit 8"])
  })
})

describe("the request of a leg may be ended though the client goes on", () => {
  test("between two messages", () => {
    const { request, legOf, send, take } = bedOf()
    const leg = legOf("a")
    expect(request.canEndLeg).toBe(true)
    expect(request.endLeg(leg)).toBe(false)
    request.open(leg, HEAD, false)
    send(leg, message("one").subarray(0, 6))
    expect([request.canEndLeg, request.endLeg(leg)]).toEqual([false, false])
    send(leg, message("one").subarray(6))
    take()
    expect([request.canEndLeg, request.endLeg(leg)]).toEqual([true, true])
    expect(take()).toEqual(["a  END"])
    send(leg, message("two"))
    expect([take(), request.canEndLeg, request.endLeg(leg)]).toEqual([[], false, false])
  })

  test("not where it has ended", () => {
    const { request, downstream } = bedOf()
    downstream.remoteEnded = true
    expect(request.canEndLeg).toBe(false)
  })
})

describe("where nothing is to be kept", () => {
  test("what was taken leaves once the head is here: until then a leg that is refused begins anew with it", () => {
    const { request, begin, budget, legOf, send, take } = bedOf({ keepOctets: 0 })
    const leg = legOf("a", 4)
    request.open(leg, HEAD, false)
    send(leg, message("one"))
    request.sent(4)
    expect([request.isReplayable, request.heldOctets]).toEqual([true, 8])
    begin()
    expect([request.isReplayable, request.heldOctets, request.start, budget.octets]).toEqual([false, 0, 1, 0])
    send(leg, message("two"))
    expect([request.heldOctets, request.start, request.sentMessages]).toEqual([8, 1, 1])
    request.sent(4)
    expect([request.heldOctets, request.start, request.sentMessages]).toEqual([0, 2, 2])
    // What no leg has taken stays.
    send(null, message("three"))
    expect([request.heldOctets, request.start, request.sentMessages]).toEqual([10, 2, 2])
    take()
    request.detach(resumed)
    const next = legOf("b")
    request.open(next, HEAD, false)
    request.resume(next, 2)
    expect(take()).toEqual(["b open", "b |three", "credit 10"])
    expect([request.heldOctets, request.start, budget.octets]).toEqual([0, 3, 0])
  })
})

describe("where memory is short", () => {
  /** Everything that may go goes. */
  const press = (budget: BufferBudget): void => {
    const much = 2 ** 50
    budget.add(much)
    budget.add(-much)
  }
  const sent = (config: Partial<ContinuityConfig> = {}) => {
    const bed = bedOf(config)
    const leg = bed.legOf("a")
    bed.request.open(leg, HEAD, false)
    bed.send(leg, message("one"))
    return { ...bed, leg }
  }

  test("what a leg was given goes: those messages are not sent again", () => {
    const { request, budget } = sent({ modes: ["resume", "restart"], restartWith: "first" })
    expect([request.heldOctets, request.isReplayable]).toEqual([16, true])
    press(budget)
    expect([request.heldOctets, request.isReplayable, request.start]).toEqual([0, false, 1])
    expect(request.first).toBe(null)
    expect(budget.octets).toBe(0)
  })

  test("what comes later may go as well", () => {
    const { request, budget, leg, send } = sent()
    press(budget)
    send(leg, message("two"))
    expect(request.heldOctets).toBe(8)
    press(budget)
    expect([request.heldOctets, request.start]).toEqual([0, 2])
  })

  test("the first message goes too, though a later leg has nothing else to be sent", () => {
    const { request, budget, begin, legOf, take } = sent({ modes: ["restart"], restartWith: "first" })
    begin()
    request.detach(request.restart("first"))
    request.open(legOf("b"), HEAD, false)
    expect([request.heldOctets, request.from(8)]).toEqual([8, null])
    take()
    press(budget)
    expect([request.heldOctets, request.first, budget.octets]).toEqual([0, null, 0])
    expect(take()).toEqual([])
  })

  test("a log that all has left loses nothing", () => {
    const { request, budget, counters } = sent({ modes: ["resume"] })
    request.done(1)
    press(budget)
    expect(counters.get("continuity_log_exceeded")).toBe(0)
  })

  test("what waits for another leg stays", () => {
    const { request, budget } = sent()
    request.detach(resumed)
    press(budget)
    expect(request.heldOctets).toBe(8)
  })

  test("what waits for the first leg stays", () => {
    const { request, budget, send } = bedOf()
    send(null, message("one"))
    press(budget)
    expect(request.heldOctets).toBe(8)
  })

  test("a client that waits for room has it", () => {
    const { request, budget, leg, send, take, full } = sent({ overflow: "slow", keepOctets: 10 })
    send(leg, message("two"))
    expect([request.isFull, full()]).toEqual([true, 1])
    take()
    press(budget)
    expect([take(), request.isFull]).toEqual([["credit 6"], false])
  })
})

describe("once no other leg follows", () => {
  test("nothing is kept, and all that was withheld is given", () => {
    const { request, turnOff, budget, legOf, send, take } = bedOf({ overflow: "slow", keepOctets: 10 })
    const leg = legOf("a")
    request.open(leg, HEAD, false)
    for (const text of ["one", "two"]) send(leg, message(text))
    take()
    turnOff()
    expect([take(), request.heldOctets, budget.octets]).toEqual([["credit 6"], 0, 0])
    expect(request.isReplayable).toBe(false)
    send(leg, message("abc"))
    expect(take()).toEqual(["a |abc", "credit 8"])
    expect(request.heldOctets).toBe(0)
  })

  test("and the call is over, nothing is", () => {
    const { request, budget, send } = bedOf()
    send(null, message("one"))
    request.forget()
    expect([request.heldOctets, budget.octets]).toEqual([0, 0])
    budget.add(2 ** 50)
    expect(request.heldOctets).toBe(0)
  })
})

test("a client waits for room no longer: the oldest leave", () => {
  const { request, legOf, send, take } = bedOf({ overflow: "slow", keepOctets: 10 })
  const leg = legOf("a")
  request.open(leg, HEAD, false)
  for (const text of ["one", "two"]) send(leg, message(text))
  take()
  request.speedUp()
  expect([take(), request.start, request.isFull]).toEqual([["credit 6"], 1, false])
})
