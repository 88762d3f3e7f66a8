import { EventEmitter } from "node:events"
import { Worker } from "node:worker_threads"
import { expect, type TestContext, test } from "vitest"
import { LogLines } from "../../test/support/log-lines.ts"
import { ManualClock } from "../../test/support/manual-clock.ts"
import type { PasswordQuestion } from "./password-thread.ts"
import { type PasswordThread, SlowHashes } from "./slow-hashes.ts"

/** A thread that answers as the test says. */
class FakeThread extends EventEmitter {
  readonly asked: PasswordQuestion[] = []
  postMessage(question: PasswordQuestion): void {
    this.asked.push(question)
  }
  unref(): void {}
  async terminate(): Promise<number> {
    return 0
  }
  /** Answers what was asked last. */
  answer(isRight = false): void {
    this.emit("message", { id: this.asked.at(-1)!.id, isRight })
  }
}

function bed(t: TestContext, most: number, start?: () => PasswordThread) {
  const log = new LogLines()
  const clock = new ManualClock()
  const threads: FakeThread[] = []
  let refused = 0
  const slowHashes = new SlowHashes({
    most,
    log: log.log,
    clock,
    onLimit: () => refused++,
    start:
      start ??
      (() => {
        const thread = new FakeThread()
        threads.push(thread)
        return thread as unknown as PasswordThread
      }),
  })
  t.onTestFinished(() => slowHashes.close())
  const ask = (password: string, client = "a") => slowHashes.check(password, "hash", client)
  const asked = () => threads.flatMap((thread) => thread.asked.map(({ password }) => password))
  return { slowHashes, log, clock, threads, ask, asked, refused: () => refused }
}

test("passwords are given to the thread one at a time, in their order", async (t) => {
  const { ask, asked, threads } = bed(t, 24)
  const checks = ["1", "2", "3"].map((password) => ask(password)!)
  expect(asked()).toEqual(["1"])
  threads[0]!.answer(true)
  expect(asked()).toEqual(["1", "2"])
  threads[0]!.answer(false)
  threads[0]!.answer(true)
  expect(await Promise.all(checks.map(({ answer }) => answer))).toEqual([true, false, true])
  expect([threads.length, asked()]).toEqual([1, ["1", "2", "3"]])
})

test("what is given up keeps no place, and is not looked at", (t) => {
  const { ask, asked, threads } = bed(t, 8 * 3)
  ask("1")
  const second = ask("2")!
  const third = ask("3")!
  expect(ask("4")).toBe(null)
  expect([second.giveUp(), second.giveUp()]).toEqual([true, false])
  ask("5")
  threads[0]!.answer()
  expect(third.giveUp()).toBe(false)
  threads[0]!.answer()
  expect(asked()).toEqual(["1", "3", "5"])
})

test.for<[most: number, own: number]>([
  [1, 1],
  [8, 1],
  [15, 1],
  [16, 2],
  [128, 16],
])("of %i places one client has %i", ([most, own], t) => {
  const { ask, refused } = bed(t, most)
  const taken = (client: string) =>
    Array.from({ length: most + 1 }, () => ask("x", client)).filter(Boolean).length
  expect(taken("a")).toBe(own)
  let sum = own
  for (let i = 0; i < most; i++) sum += taken(`${i}`)
  expect(sum).toBe(most)
  expect(refused()).toBe((most + 1) * (most + 1) - most)
})

test("a client whose passwords are looked at has its places again", async (t) => {
  const { ask, threads } = bed(t, 8)
  for (let i = 0; i < 3; i++) {
    const check = ask("x")!
    expect(ask("y")).toBe(null)
    threads[0]!.answer()
    expect(await check.answer).toBe(false)
  }
})

test("a thread that ends by an error lets no caller in, the log says so once a minute, the next has another", async (t) => {
  const { ask, threads, log, clock } = bed(t, 24)
  const told = () => log.saying("the thread that looks at passwords ended")
  const end = (thread: FakeThread) => {
    thread.emit("error", new Error("no memory"))
    thread.emit("exit", 1)
  }
  const checks = [ask("1")!, ask("2")!]
  end(threads[0]!)
  expect(await Promise.all(checks.map(({ answer }) => answer))).toEqual(["unavailable", "unavailable"])
  ask("3")
  end(threads[1]!)
  expect(told()).toEqual([{ error: "no memory" }])
  clock.advance(60_000)
  const last = ask("4")!
  // What the thread before has said late is of no question.
  threads[1]!.emit("exit", 1)
  threads[2]!.answer(true)
  expect(await last.answer).toBe(true)
  ask("5")
  end(threads[2]!)
  expect(told()).toHaveLength(2)
})

test("a thread that cannot run at all answers as well", async (t) => {
  const { ask, log } = bed(t, 8, () => new Worker("throw new Error('no such program')", { eval: true }))
  expect(await ask("x")!.answer).toBe("unavailable")
  expect(log.saying("the thread that looks at passwords ended")).toEqual([{ error: "no such program" }])
})

test("the thread goes on behind a check that throws: others wait for it", async (t) => {
  const log = new LogLines()
  const slowHashes = new SlowHashes({ most: 16, log: log.log, clock: new ManualClock(), onLimit() {} })
  t.onTestFinished(() => slowHashes.close())
  const right = "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA"
  // No hash is known for which it does; what is no text stands for one.
  const first = slowHashes.check(null as unknown as string, right, "")!
  const second = slowHashes.check("secret", right, "")!
  expect([await first.answer, await second.answer, log.lines]).toEqual([false, true, []])
})
