import { expect, test } from "vitest"
import { requestLineProblem } from "../../http1/request-line.ts"
import { type RequestEvents, RequestInput } from "./request-input.ts"

const BOUNDS = { octetsMax: 100, fieldsMax: 4 }

/** An input whose events are lines. `begins`: whether a request may begin. */
function bedOf() {
  const told: string[] = []
  const later: (() => void)[] = []
  const events: RequestEvents & { mayBeginRequest: boolean } = {
    mayBeginRequest: true,
    onHeadBegun: () => void told.push("begun"),
    onHead: (line, fields) => {
      told.push(line)
      const length = fields.indexOf("content-length")
      if (length >= 0) input.beginBody(Number(fields[length + 1]))
      else if (fields.includes("chunked")) input.beginBody(-1)
      if (line.startsWith("PUT")) events.mayBeginRequest = false
      if (line.startsWith("TRACE"))
        input.passOn((octets, start, end) => told.push(`< ${text(octets, start, end)}`))
    },
    onHeadFault: ({ reason }, line) => {
      told.push(`fault in ${line}: ${reason}`)
      input.stop()
    },
    onBody: (octets, start, end, isEnd) => {
      told.push(`body ${text(octets, start, end)}${isEnd ? " end" : ""}`)
      if (text(octets, start, end) === "hold") input.hold()
    },
    onBodyFault: (reason) => {
      told.push(`fault in a body: ${reason}`)
      input.stop()
    },
    later: (run) => later.push(run),
    resumeReading: () => void told.push("resumed"),
  }
  const text = (octets: Buffer, start: number, end: number): string => octets.toString("latin1", start, end)
  const input = new RequestInput(
    { bounds: BOUNDS, startLineProblem: requestLineProblem, skipsEmptyLines: true },
    events,
  )
  return {
    input,
    events,
    receive: (what: string): void => input.receive(Buffer.from(`#${what}#`, "latin1"), 1, 1 + what.length),
    take: (): string[] => told.splice(0),
    /** The turn goes on. */
    run: (): void => {
      for (const each of later.splice(0)) each()
    },
  }
}

const GET = "GET / HTTP/1.1\r\n\r\n"
const PUT = "PUT / HTTP/1.1\r\n\r\n"

test("requests and bodies, one after the other", () => {
  const { receive, take } = bedOf()
  receive(`${GET}POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nok${GET}`)
  const post = ["begun", "POST / HTTP/1.1", "body ok end"]
  expect(take()).toEqual(["begun", "GET / HTTP/1.1", ...post, "begun", "GET / HTTP/1.1"])
})

test("a body in pieces, and the end of chunks", () => {
  const { input, receive, take } = bedOf()
  receive("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\no")
  expect([input.isInBody, input.isFull]).toEqual([true, false])
  receive("k\r\n0\r\n\r\n")
  expect(take()).toEqual(["begun", "POST / HTTP/1.1", "body o", "body k", "body  end"])
  expect(input.isInBody).toBe(false)
})

test("what is behind a request that is not over waits, and is read in a later turn", () => {
  const { input, events, receive, take, run } = bedOf()
  receive(`${PUT}${GET}`)
  receive(GET)
  expect(take()).toEqual(["begun", "PUT / HTTP/1.1"])
  expect(input.heldOctets).toBeGreaterThanOrEqual(2 * GET.length)
  events.mayBeginRequest = true
  input.goOn()
  input.goOn()
  expect(take()).toEqual([])
  run()
  expect(take()).toEqual(["begun", "GET / HTTP/1.1", "begun", "GET / HTTP/1.1", "resumed"])
  expect(input.heldOctets).toBe(0)
})

test("no more than a head of it is read while it waits", () => {
  const { input, receive } = bedOf()
  receive(PUT)
  receive(GET)
  expect(input.isFull).toBe(false)
  receive("a".repeat(100))
  expect(input.isFull).toBe(true)
})

test("a body that is held waits at once", () => {
  const { input, receive, take, run } = bedOf()
  receive("POST / HTTP/1.1\r\ncontent-length: 6\r\n\r\n")
  receive("hold")
  expect(input.isFull).toBe(false)
  receive("ok")
  expect([input.isFull, take()]).toEqual([true, ["begun", "POST / HTTP/1.1", "body hold"]])
  input.release()
  run()
  expect(take()).toEqual(["body ok end", "resumed"])
})

test("more is read once there is room, though some of what waited is left", () => {
  const { input, events, receive, take, run } = bedOf()
  receive(PUT)
  receive(PUT.repeat(6))
  expect(input.isFull).toBe(true)
  events.mayBeginRequest = true
  input.goOn()
  run()
  expect([take(), input.isFull]).toEqual([
    ["begun", "PUT / HTTP/1.1", "begun", "PUT / HTTP/1.1", "resumed"],
    false,
  ])
})

test("trailers are counted while they come, and let go of then", () => {
  const { input, receive, take } = bedOf()
  receive("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: 1\r\ny: ")
  expect(input.heldOctets).toBe("x: 1\r\ny: ".length)
  receive("2\r\n\r\n")
  expect([input.heldOctets, take()]).toEqual([0, ["begun", "POST / HTTP/1.1", "body  end"]])
})

test("behind a fault nothing is read", () => {
  const { input, receive, take } = bedOf()
  receive(`GET / HTTP/1.1\r\nx y: 1\r\n\r\n${GET}`)
  receive(GET)
  expect(take()).toEqual(["begun", "fault in GET / HTTP/1.1: a field name has octet 0x20"])
  expect(input.heldOctets).toBeLessThan(100)
})

test("nor behind one in a body", () => {
  const { receive, take } = bedOf()
  receive("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok!\r\n")
  receive(GET)
  expect(take()).toEqual([
    ...["begun", "POST / HTTP/1.1", "body ok"],
    "fault in a body: a chunk is longer than its size",
  ])
})

test("stopping lets go of what waits", () => {
  const { input, receive, take, run } = bedOf()
  receive(`${PUT}${GET}`)
  input.stop()
  expect([take(), input.heldOctets]).toEqual([["begun", "PUT / HTTP/1.1", "resumed"], 0])
  input.goOn()
  run()
  expect(take()).toEqual([])
})

test("behind a switch all is another's", () => {
  const { receive, take } = bedOf()
  receive(`TRACE / HTTP/1.1\r\n\r\n${GET}`)
  receive("more")
  expect(take()).toEqual(["begun", "TRACE / HTTP/1.1", `< ${GET}`, "< more"])
})

test("so is what waited for its turn", () => {
  const { input, events, receive, take, run } = bedOf()
  receive(`${PUT}TRACE / HTTP/1.1\r\n\r\nrest`)
  take()
  events.mayBeginRequest = true
  input.goOn()
  run()
  expect(take()).toEqual(["begun", "TRACE / HTTP/1.1", "< rest", "resumed"])
})
