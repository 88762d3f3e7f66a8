import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { TimerWheel } from "../../base/timer-wheel.ts"
import type { MessageLimit } from "../../config/model.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { compileMessageRates } from "../route/message-rates.ts"
import { RatedAnswer, type RatedAnswerCall } from "./rated-answer.ts"
import type { DownstreamStream } from "./stream-owner.ts"

const message = (text: string): Buffer => {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(text.length, 1)
  return Buffer.concat([prefix, Buffer.from(text)])
}
const burstOf = (...texts: string[]): Buffer => Buffer.concat(texts.map(message))
const trailers = new HeaderList(["grpc-status", "0"])

/** An answer with a rate on a clock that stands still: what its client got, and what its call was told, with when. */
function bedOf(
  { counts = "messages", rate = 10, burst = 0 }: Partial<MessageLimit> = {},
  { isGrpc = true, room = Number.POSITIVE_INFINITY } = {},
) {
  const clock = new ManualClock(0)
  const lines: string[] = []
  const say = (line: string): void => void lines.push(`${clock.now()}: ${line}`)
  const stream = {
    isClosed: false,
    localEnded: false,
    queuedOctets: 0,
    sendHeaders(list: HeaderList, endStream: boolean): void {
      stream.localEnded ||= endStream
      say(list.fields.join("=") + (endStream ? "." : ""))
    },
    sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
      stream.localEnded ||= endStream
      const text = octets.toString("latin1", start, end).replaceAll(/\0[\0-\x08]{4}/g, "")
      say(text + (endStream ? "." : ""))
      const taken = Math.min(room, end - start)
      stream.queuedOctets += end - start - taken
      return taken
    },
    discardQueued: () => say("discarded"),
    reset: (code: number) => say(`reset ${code}`),
  }
  const counters = { add: () => say("limited") }
  const env = { clock } as unknown as TemplateEnvironment
  const budget = new BufferBudget({ bufferedOctetsMax: 2 ** 30, bufferedWithholdPercent: 50 } as never)
  const call: RatedAnswerCall = {
    isGrpc,
    context: { deadlines: new TimerWheel(clock), budget, counters: counters as never, env },
    onDownstreamSent: (octets) => say(`took ${octets}`),
  }
  const limits: MessageLimit[] = [{ from: "backend", counts, rate, burst, zone: null }]
  const rates = compileMessageRates(limits, () => null as never)!
  const answer = new RatedAnswer(
    stream as unknown as DownstreamStream,
    call,
    rates.open("backend", {} as StreamRecord, env)!,
  )
  const send = (octets: Buffer, endStream = false): number =>
    answer.sendData(octets, 0, octets.length, endStream)
  /** What has been said since the last time, without when. */
  const said = (): string[] => lines.splice(0).map((line) => line.slice(line.indexOf(": ") + 2))
  return { answer, clock, stream, send, said, budget }
}

test("messages within the rate are sent as they come", () => {
  const { answer, send, said, budget } = bedOf({ burst: 2 })
  expect(send(burstOf("a", "b", "c"))).toBe(18)
  answer.sendHeaders(trailers, true)
  expect(said()).toEqual(["abc", "grpc-status=0."])
  expect([answer.queuedOctets, budget.octets]).toEqual([0, 0])
})

describe("messages that come faster", () => {
  test("wait in order, as octets that the client has not taken, and the trailers behind them", () => {
    const { answer, clock, send, said, budget } = bedOf()
    expect(send(burstOf("a", "bb", "c"))).toBe(6)
    expect(send(burstOf("d"))).toBe(0)
    answer.sendHeaders(trailers, true)
    expect(said()).toEqual(["a", "limited"])
    expect([answer.queuedOctets, answer.localEnded, answer.isAnswerWithheld]).toEqual([19, true, true])
    expect(budget.octets).toBeGreaterThan(18)
    clock.advance(120)
    expect(said()).toEqual(["bb", "took 7"])
    clock.advance(1000)
    expect(said()).toEqual(["c", "took 6", "d", "grpc-status=0.", "took 6"])
    expect([answer.queuedOctets, answer.localEnded, budget.octets]).toEqual([0, true, 0])
    expect(answer.isAnswerWithheld).toBe(false)
    expect(clock.timersOpen).toBe(0)
  })

  test("may be the end themselves, or have it behind them", () => {
    const { clock, send, said } = bedOf()
    send(burstOf("a", "b"), true)
    clock.advance(1000)
    expect(said()).toEqual(["a", "limited", "b.", "took 6"])
    const other = bedOf()
    other.send(burstOf("a", "b"))
    other.send(Buffer.alloc(0), true)
    other.clock.advance(1000)
    expect(other.said()).toEqual(["a", "limited", "b.", "took 6"])
  })

  test("wait for a slow client as well: only what it takes is told", () => {
    const { answer, clock, send, said } = bedOf({}, { room: 2 })
    expect(send(burstOf("a", "b"))).toBe(2)
    expect(answer.queuedOctets).toBe(6 + 4)
    clock.advance(1000)
    expect(said()).toEqual(["a", "limited", "b", "took 2"])
    expect(answer.queuedOctets).toBe(8)
  })
})

test("an end without octets is sent at once", () => {
  const { send, said } = bedOf()
  expect(send(Buffer.alloc(0), true)).toBe(0)
  expect(said()).toEqual(["."])
})

test("a head is sent at once", () => {
  const { answer, send, said } = bedOf()
  send(burstOf("a", "b"))
  answer.sendHeaders(new HeaderList([":status", "200"]), false)
  expect(said()).toEqual(["a", "limited", ":status=200"])
})

test("octets of what is not gRPC have a rate too", () => {
  const { clock, send, said } = bedOf({ counts: "octets", rate: 100 }, { isGrpc: false })
  expect(send(Buffer.from("x".repeat(50)))).toBe(50)
  expect(send(Buffer.from("y"), true)).toBe(0)
  clock.advance(480)
  expect(said()).toEqual(["x".repeat(50), "limited"])
  clock.advance(60)
  expect(said()).toEqual(["y.", "took 1"])
})

describe("what waits goes nowhere", () => {
  const ways = {
    "a reset": ({ answer }: ReturnType<typeof bedOf>) => answer.reset(8),
    "discarded to make room": ({ answer }: ReturnType<typeof bedOf>) => answer.discardQueued(),
    "the client is gone, and the call says so": ({ answer, stream }: ReturnType<typeof bedOf>) => {
      stream.isClosed = true
      answer.close()
    },
    "the client is gone, and nobody says so": ({ stream, clock }: ReturnType<typeof bedOf>) => {
      stream.isClosed = true
      clock.advance(1000)
    },
  }
  test.for(Object.entries(ways))("%s", ([, end]) => {
    const bed = bedOf()
    bed.send(burstOf("a", "b"))
    bed.answer.sendHeaders(trailers, true)
    end(bed)
    bed.clock.advance(10_000)
    expect(bed.said().slice(2).join()).not.toMatch(/b|grpc/)
    expect([bed.answer.queuedOctets, bed.answer.localEnded, bed.budget.octets]).toEqual([0, false, 0])
    expect(bed.clock.timersOpen).toBe(0)
  })

  test("but another ending may follow where it was discarded", () => {
    const { answer, send, said } = bedOf()
    send(burstOf("a", "b"))
    answer.discardQueued()
    answer.sendHeaders(trailers, true)
    expect(said()).toEqual(["a", "limited", "discarded", "grpc-status=0."])
  })
})
