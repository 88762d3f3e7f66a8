import { randomBytes } from "node:crypto"
import { setImmediate as turn } from "node:timers/promises"
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import { eventually } from "../../../test/support/eventually.ts"
import { defaultLimits } from "../../base/limits.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { MessageFault } from "../json/fault.ts"
import type { Translation } from "../json/translation.ts"
import { MessagePipe, type MessagePipeOptions } from "./message-pipe.ts"
import { MessageWork } from "./message-work.ts"

/** Takes so many steps for each 10,000 octets, and makes of a text the same in capitals. */
class Capitals implements Translation {
  heldOctets = 0
  unknownField: string | null = null
  readonly #message: Buffer
  #done = 0

  constructor(message: Buffer) {
    this.#message = message
  }

  step(octets: number): boolean {
    this.#done += octets
    this.heldOctets = Math.min(this.#done, this.#message.length)
    if (this.#message.includes("no such")) throw new MessageFault("unknown", "no such field")
    if (this.#message.includes("bad")) throw new MessageFault("mistyped", "bad")
    return this.#done >= this.#message.length
  }

  finish(): Buffer {
    return Buffer.from(this.#message.toString().toUpperCase())
  }
}

function pipeOf(options: Partial<MessagePipeOptions> = {}, jobsMax = 4) {
  const budget = new BufferBudget(defaultLimits)
  const heard: string[] = []
  let waits = 0
  const pipe = new MessagePipe({
    work: new MessageWork(jobsMax, () => waits++),
    budget,
    maxOctets: 100_000,
    translate: (message) => new Capitals(message),
    onMessage: (message) => heard.push(message.toString().slice(0, 10)),
    onFault: (fault) => heard.push(`fault: ${fault instanceof Error ? fault.message : fault}`),
    onIdle: () => heard.push("idle"),
    guard: (run) => run,
    ...options,
  })
  return { pipe, heard, budget, waits: () => waits }
}

const large = (text: string): Buffer => Buffer.from(text.padEnd(60_000, "."))

test("what is small is handed on at once", () => {
  const { pipe, heard, budget } = pipeOf()
  pipe.push(Buffer.from("one"), null, false)
  pipe.after(() => heard.push("end"))
  expect([heard, pipe.isBusy, budget.octets]).toEqual([["ONE", "end"], false, 0])
})

test("what is large comes later, and what is behind it too, in order", async () => {
  const { pipe, heard, budget } = pipeOf()
  for (const text of ["one", "two"]) pipe.push(large(text), null, true)
  const view = Buffer.from("three")
  pipe.push(view, null, false)
  view.fill("x")
  pipe.after(() => heard.push("end"))
  expect([heard, pipe.isBusy, budget.octets]).toEqual([[], true, 120_005 + 2 * 256])
  await eventually(
    () => !pipe.isBusy,
    () => heard.join(),
  )
  expect(heard).toEqual(["ONE.......", "TWO.......", "THREE", "end", "idle"])
  expect(budget.octets).toBe(0)
})

test("messages without an octet that wait are counted too", async () => {
  const { pipe, heard, budget } = pipeOf()
  pipe.push(large("one"), null, true)
  const many = 50_000
  for (let i = 0; i < many; i++) pipe.push(Buffer.alloc(0), null, false)
  expect(budget.octets).toBe(60_000 + many * 256)
  await eventually(
    () => !pipe.isBusy,
    () => `${heard.length} messages`,
  )
  expect([heard.length, heard[0], heard.at(-1), budget.octets]).toEqual([many + 2, "ONE.......", "idle", 0])
})

describe("compressed messages", () => {
  const incompressible = (octets: number): string => randomBytes(octets / 2).toString("hex")
  test.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
  ] as const)("%s", async (encoding, compress) => {
    const { pipe, heard, budget } = pipeOf({ translate: null })
    const texts = ["small", "s".repeat(90_000), incompressible(90_000)]
    for (const text of texts) pipe.push(compress(Buffer.from(text)), encoding, false)
    await eventually(
      () => !pipe.isBusy,
      () => heard.join(),
    )
    expect(heard).toEqual([...texts.map((text) => text.slice(0, 10)), "idle"])
    expect(budget.octets).toBe(0)
  })

  test.each([
    ["past the bound, small on the wire", gzipSync(Buffer.alloc(100_001)), "gzip", "too_large"],
    ["past the bound, large on the wire", gzipSync(incompressible(120_000)), "gzip", "too_large"],
    ["not what is said", Buffer.from("x"), "gzip", "malformed"],
    ["cut short", gzipSync(incompressible(80_000)).subarray(0, 20_000), "gzip", "malformed"],
    ["of no known kind", Buffer.from("x"), "rot13", "unknown"],
    ["of no known kind, and large", Buffer.alloc(20_000), "rot13", "unknown"],
    ["of a kind that every object knows", Buffer.from("x"), "constructor", "unknown"],
  ])("%s", async (_name, message, encoding, fault) => {
    const { pipe, heard, budget } = pipeOf()
    pipe.push(message, encoding, false)
    pipe.push(Buffer.from("behind"), null, false)
    await eventually(
      () => heard.length > 0,
      () => "a fault",
    )
    expect(heard).toEqual([`fault: ${fault}`])
    expect(budget.octets).toBe(0)
  })
})

test("a fault ends it, with all that waits", async () => {
  const { pipe, heard, budget } = pipeOf()
  pipe.push(large("bad"), null, true)
  pipe.push(large("two"), null, true)
  await eventually(
    () => heard.length > 0,
    () => "a fault",
  )
  pipe.push(Buffer.from("three"), null, false)
  await turn()
  expect([heard, budget.octets]).toEqual([["fault: bad"], 0])
})

test("closed, it holds nothing and says nothing", async () => {
  const { pipe, heard, budget } = pipeOf()
  pipe.push(gzipSync(randomBytes(80_000)), "gzip", true)
  pipe.push(large("two"), null, true)
  await turn()
  pipe.close()
  for (let i = 0; i < 50; i++) await turn()
  expect([heard, budget.octets, pipe.isBusy]).toEqual([[], 0, false])
})

test("what the types do not have waits for newer ones, once", async () => {
  let asked = 0
  let answer = (): void => {}
  const { pipe, heard } = pipeOf({
    onUnknown: () => {
      asked++
      return new Promise<void>((resolve) => (answer = resolve))
    },
  })
  pipe.push(Buffer.from("no such"), null, false)
  pipe.push(Buffer.from("behind"), null, false)
  await turn()
  expect([heard, pipe.isBusy, asked]).toEqual([[], true, 1])
  answer()
  await turn()
  expect([heard, asked]).toEqual([["fault: no such field"], 1])
})

test("so many are worked on at once, the others wait as they came", async () => {
  const { pipe, waits } = pipeOf({}, 1)
  const work = new MessageWork(2, () => waits)
  const order: number[] = []
  const job = (id: number, steps: number) => {
    let left = steps
    return {
      prepare: (ready: () => void) => {
        order.push(id)
        ready()
      },
      step: () => --left === 0,
    }
  }
  const jobs = [job(1, 3), job(2, 3), job(3, 1), job(4, 1)]
  for (const one of jobs) work.add(one)
  expect(order).toEqual([1, 2])
  work.cancel(jobs[3]!)
  for (let i = 0; i < 20; i++) await turn()
  expect(order).toEqual([1, 2, 3])
  pipe.close()
})
