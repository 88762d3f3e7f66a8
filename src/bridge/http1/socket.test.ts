import { describe, expect, type TestContext, test } from "vitest"
import { defaultLimits } from "../../base/limits.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { Output, type OutputChunk, recycleChunk } from "../../http2/output.ts"
import type { Link } from "../../net/link.ts"
import { Http1Socket } from "./socket.ts"

/** A socket on a link that writes and is heard when the test says so. */
function bedOf(t: TestContext) {
  const lines: string[] = []
  let writing: OutputChunk[] = []
  const link = {
    schedule: () => {},
    resumeReading: () => {},
    /** The kernel takes it at once, unless it is at something else still. */
    flush: () => lines.push(`flush ${bed.write()}`),
    end: () => lines.push("end"),
    destroy: () => lines.push("destroy"),
    reset: () => lines.push("reset"),
    socket: { destroyed: false },
  }
  const budget = new BufferBudget(defaultLimits)
  const output = new Output({ onOutput: () => {}, onMuchOutput: () => {} })
  const socket = new Http1Socket({ link: link as unknown as Link, output, budget, graceMs: 1000 })
  const bed = {
    socket,
    budget,
    /** The turn ends: what is in the output goes to the kernel, which has not taken it yet. Returns it. */
    write: (): string => {
      if (writing.length > 0) return ""
      writing = socket.output.take()
      return writing.map(({ buffer, length }) => buffer.toString("latin1", 0, length)).join("")
    },
    /** The kernel takes what is written. */
    takes: (): void => {
      const taken = writing
      writing = []
      socket.output.sent(taken.reduce((sum, { length }) => sum + length, 0))
      for (const { buffer } of taken) recycleChunk(buffer)
      socket.drained()
    },
    /** Octets that are acknowledged are a line. */
    send: (octets: number | string): void => {
      const chunk = typeof octets === "string" ? Buffer.from(octets) : Buffer.alloc(octets)
      socket.write(chunk, (error) => lines.push(error == null ? `${chunk.length} out` : error.message))
    },
    receive: (text: string): void => socket.receive(Buffer.from(text), 0, text.length),
    /** What was done and heard of since it was asked last. */
    take: async (): Promise<string[]> => {
      await new Promise((resolve) => setImmediate(resolve))
      return lines.splice(0)
    },
  }
  t.onTestFinished(() => void socket.destroy())
  return bed
}

describe("a write", () => {
  test.for([
    [1, ["1 out"]],
    [16_384, ["16384 out"]],
    [16_385, []],
  ] as const)("of %i octets is acknowledged at once while little is unsent", async ([octets, lines], t) => {
    const { socket, budget, send, write, takes, take } = bedOf(t)
    send(octets)
    expect(await take()).toEqual(lines)
    // What is not acknowledged is counted by its writer.
    const counted = lines.length * octets
    expect([socket.heldOctets, budget.octets]).toEqual([counted, counted])
    expect(write()).toHaveLength(octets)
    expect([await take(), budget.octets]).toEqual([[], counted])
    takes()
    expect([await take(), budget.octets]).toEqual([lines.length === 0 ? [`${octets} out`] : [], 0])
  })

  test("waits for the kernel behind others that it has not taken", async (t) => {
    const { budget, send, write, takes, take } = bedOf(t)
    send(10_000)
    write()
    for (const octets of [20_000, 1, 5000]) send(octets)
    expect([await take(), budget.octets]).toEqual([["10000 out"], 10_000])
    takes()
    expect([await take(), budget.octets]).toEqual([[], 0])
    expect(write()).toHaveLength(20_000)
    takes()
    expect([await take(), budget.octets]).toEqual([["20000 out", "1 out", "5000 out"], 5001])
    write()
    takes()
    expect([await take(), budget.octets]).toEqual([[], 0])
  })

  // Node tells of a write that was acknowledged at once after what it was followed by.
  test("of no octets is acknowledged, and the connection can end", async (t) => {
    const { socket, send, take } = bedOf(t)
    send(0)
    socket.end()
    expect(await take()).toEqual(["end", "0 out"])
  })

  test("of no octets in several pieces is, too", async (t) => {
    const { socket, send, take } = bedOf(t)
    socket.cork()
    send(0)
    send(0)
    socket.uncork()
    socket.end()
    expect(await take()).toEqual(["end", "0 out", "0 out"])
  })

  test("of no octets behind one that waits is acknowledged with it", async (t) => {
    const { socket, budget, send, write, takes, take } = bedOf(t)
    send(20_000)
    send(0)
    socket.end()
    write()
    expect(await take()).toEqual([])
    takes()
    expect([await take(), budget.octets]).toEqual([["20000 out", "end", "0 out"], 0])
  })
})

describe("what is acknowledged and not written", () => {
  test("leaves when the stream is destroyed, and what waits is given up", async (t) => {
    const { socket, budget, send, write, takes, take } = bedOf(t)
    send("said")
    write()
    takes()
    for (const octets of [3, 20_000]) send(octets)
    send("left")
    socket.destroy()
    const out = "\0".repeat(20_003)
    const closed = "the connection was closed"
    expect(budget.octets).toBe(0)
    const lines = await take()
    expect(lines.slice(0, 2)).toEqual([`flush ${out}`, "destroy"])
    expect(lines.slice(2).sort()).toEqual(["3 out", "4 out", closed, closed].sort())
  })

  test("leaves before a reset", async (t) => {
    const { socket, budget, send, take } = bedOf(t)
    socket.cork()
    send("head")
    send("body")
    socket.abortOutput()
    expect(await take()).toEqual(["flush headbody", "4 out", "4 out", "flush ", "reset", "flush ", "destroy"])
    expect(budget.octets).toBe(0)
  })
})
