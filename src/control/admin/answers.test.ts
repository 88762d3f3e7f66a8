import { EventEmitter } from "node:events"
import type { ServerResponse } from "node:http"
import { expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { Counters } from "../../base/counters.ts"
import { defaultLimits } from "../../base/limits.ts"
import { Questions } from "../questions.ts"
import { LongAnswers } from "./answers.ts"

class Response extends EventEmitter {
  destroyed = false
  destroy(): void {
    this.destroyed = true
    this.emit("close")
  }
}

function bed(adminAnswersOctets = 1000) {
  const counters = new Counters()
  const limits = { ...defaultLimits, adminAnswersOctets }
  const clock = new ManualClock()
  const answers = new LongAnswers({ limits, counters, clock })
  const made: number[] = []
  const finish: (() => void)[] = []
  /** Asks, and gives an answer of so many octets once it is told to. */
  const ask = (octets: number) => {
    const response = new Response()
    const at = made.length
    made.push(0)
    const done = answers.inTurn(response as unknown as ServerResponse, async () => {
      made[at] = 1
      await new Promise<void>((resolve) => finish.push(resolve))
      answers.handedOver(response as unknown as ServerResponse, octets)
    })
    return { response, done }
  }
  return { counters, clock, made, finish, ask }
}

test("four are made at once, the others in their sequence, and none for who has left", async () => {
  const { made, finish, ask } = bed()
  const asked = Array.from({ length: 7 }, () => ask(1))
  await Promise.resolve()
  expect(made).toEqual([1, 1, 1, 1, 0, 0, 0])
  asked[4]!.response.destroy()
  finish[0]!()
  await asked[4]!.done
  expect(made).toEqual([1, 1, 1, 1, 0, 1, 0])
  while (finish.length > 0) finish.shift()!()
  await asked[5]!.done
  while (finish.length > 0) finish.shift()!()
  await Promise.all(asked.map(({ done }) => done))
  expect(made).toEqual([1, 1, 1, 1, 0, 1, 1])
  // All places are free again.
  for (let count = 0; count < 4; count++) ask(1)
  await Promise.resolve()
  expect(made.slice(7)).toEqual([1, 1, 1, 1])
})

test("while too much waits to be read there is no other, and it is counted", async () => {
  const { counters, finish, ask } = bed()
  const first = ask(1000)
  await Promise.resolve()
  finish.shift()!()
  await first.done
  await expect(ask(1).done).rejects.toMatchObject({
    status: 503,
    message: "adminAnswersOctets: answers of 1000 octets wait to be read; ask again in a while",
  })
  expect(counters.get("admin_answers_exceeded")).toBe(1)
  first.response.emit("close")
  const second = ask(1)
  await Promise.resolve()
  expect(finish).toHaveLength(1)
  finish.shift()!()
  await second.done
})

test("those that have stood still for longest give way, no more of them than it takes", async () => {
  const { counters, clock, finish, ask } = bed()
  const asked: ReturnType<typeof ask>[] = []
  const answered = async (octets: number) => {
    asked.push(ask(octets))
    await Promise.resolve()
    finish.shift()!()
    await asked.at(-1)!.done
  }
  for (const octets of [400, 300, 200]) {
    await answered(octets)
    clock.advance(100)
  }
  clock.advance(10_000)
  // The first is being read.
  asked[0]!.response.emit("drain")
  await answered(250)
  await answered(1)
  expect(asked.map(({ response }) => response.destroyed)).toEqual([false, true, false, false, false])
  expect(counters.get("admin_readers_dropped")).toBe(1)
  expect(counters.get("admin_answers_exceeded")).toBe(0)
})

test("who reads slowly keeps its place: the kernel takes a third of what it keeps at a time", async () => {
  const { counters, clock, finish, ask } = bed()
  const slow = ask(1000)
  await Promise.resolve()
  finish.shift()!()
  await slow.done
  // At 300 kB/s.
  for (let part = 0; part < 3; part++) {
    clock.advance(4500)
    await expect(ask(1).done).rejects.toMatchObject({ status: 503 })
    slow.response.emit("drain")
  }
  expect(slow.response.destroyed).toBe(false)
  clock.advance(defaultLimits.adminStalledMs)
  const other = ask(1)
  await Promise.resolve()
  finish.shift()!()
  await other.done
  expect(slow.response.destroyed).toBe(true)
  expect(counters.get("admin_readers_dropped")).toBe(1)
})

test("an answer whose client leaves while it is made waits for nobody", async () => {
  const { finish, ask } = bed()
  const left = ask(1000)
  await Promise.resolve()
  left.response.destroy()
  finish.shift()!()
  await left.done
  const other = ask(1)
  await Promise.resolve()
  finish.shift()!()
  await other.done
})

test("a data thread that is stuck holds up all who ask for as long as one, and once it speaks it is asked again", async () => {
  const clock = new ManualClock()
  const questions = new Questions(clock)
  const ids: number[] = []
  const thread = {
    postMessage: (message: object) => void ("id" in message && ids.push(message.id as number)),
  }
  const answers = new LongAnswers({ limits: defaultLimits, counters: new Counters(), clock })
  const answeredMs: number[] = []
  const ask = async () => {
    await answers.inTurn(new Response() as unknown as ServerResponse, async () => {
      const parts = await questions.ask(thread, { kind: "clusters" })
      answeredMs.push(parts === null ? clock.now() : -1)
    })
  }
  const asked = Promise.all(Array.from({ length: 10 }, ask))
  for (let ms = 0; ms < 20_000; ms += 500) {
    clock.advance(500)
    await new Promise(setImmediate)
  }
  await asked
  expect(answeredMs).toEqual(new Array(10).fill(5000))
  expect(ids).toHaveLength(4)
  questions.heard(thread)
  const again = ask()
  await new Promise(setImmediate)
  questions.answered({ kind: "answer", id: ids[4]!, part: { kind: "clusters", clusters: [] }, isLast: true })
  await again
  expect(answeredMs.at(-1)).toBe(-1)
})
