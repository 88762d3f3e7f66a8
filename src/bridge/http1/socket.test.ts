import { createServer, type RequestListener } from "node:http"
import { describe, expect, type TestContext, test } from "vitest"
import { defaultLimits } from "../../base/limits.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { type OutputChunk, recycleChunk } from "../../http2/output.ts"
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
  }
  const budget = new BufferBudget(defaultLimits)
  const socket = new Http1Socket({ link: link as unknown as Link, budget, graceMs: 1000 })
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

describe("Node's server", () => {
  const ONE = "GET / HTTP/1.1\r\nhost: a\r\n\r\n"
  const serve = (bed: ReturnType<typeof bedOf>, listener: RequestListener): void => {
    createServer({ keepAliveTimeout: 0 }, (request, response) => {
      response.sendDate = false
      listener(request, response)
    }).emit("connection", bed.socket)
  }
  const answersIn = (text: string): number => text.split("HTTP/1.1 200 OK").length - 1

  test("answers requests that were pipelined in one write", async (t) => {
    const bed = bedOf(t)
    serve(bed, (_, response) => response.writeHead(200, { "content-length": 1 }).end("x"))
    bed.receive(ONE.repeat(10))
    await bed.take()
    expect(answersIn(bed.write())).toBe(10)
  })

  test.for(["a little", "more than is acknowledged at once"])(
    "is told that an answer is out whose end came behind the octets: %s",
    async (much, t) => {
      const body = "x".repeat(much === "a little" ? 3 : 20_000)
      const bed = bedOf(t)
      let finished = 0
      serve(bed, (_, response) => {
        response.once("finish", () => finished++)
        response.writeHead(200, { "content-length": body.length }).write(body)
        setImmediate(() => response.end())
      })
      for (let i = 1; i <= 2; i++) {
        bed.receive(ONE)
        await bed.take()
        // The kernel does not take it before Node has written the end.
        expect(answersIn(bed.write())).toBe(1)
        await bed.take()
        bed.takes()
        await bed.take()
        expect(finished).toBe(i)
      }
      bed.socket.end()
      expect(await bed.take()).toEqual(["end"])
    },
  )
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
