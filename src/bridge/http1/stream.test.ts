import { describe, expect, test } from "vitest"
import { ErrorCode } from "../../http2/error-code.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { Output, recycleChunk } from "../../http2/output.ts"
import type { StreamOwner } from "../../relay/call/stream-owner.ts"
import { type AnsweredRequest, Http1Stream } from "./stream.ts"

const GET: AnsweredRequest = {
  ...{ method: "GET", minorVersion: 1, isPersistent: true, contentType: undefined },
  ...{ hasBody: false, expectsContinue: false },
}

/** A stream whose connection and owner write down what they are told. */
function bedOf(request: Partial<AnsweredRequest> = {}, { mayPersist = true } = {}) {
  const told: string[] = []
  const output = new Output({ onOutput: () => {}, onMuchOutput: () => {} })
  const host = {
    ...{ output, streamWindowOctets: 100, onWritten: () => {} },
    hold: () => told.push("hold"),
    release: () => told.push("release"),
    abortOutput: () => told.push("abort"),
    destroy: () => told.push("destroy"),
    onStreamClosed: (_: Http1Stream, isReusable: boolean) =>
      void told.push(isReusable ? "closed, reusable" : "closed"),
  }
  const stream = new Http1Stream(host, { ...GET, ...request }, mayPersist)
  const owner = {
    record: { status: 0 },
    onDownstreamReset: () => told.push("gone"),
    onDownstreamSent: (octets: number) => told.push(`sent ${octets}`),
    onRequestData: (octets: Buffer, start: number, end: number, isEnd: boolean) =>
      void told.push(`data ${octets.toString("latin1", start, end)}${isEnd ? " end" : ""}`),
  }
  stream.owner = owner as unknown as StreamOwner
  return {
    stream,
    take: (): string[] => told.splice(0),
    /** What the kernel is given. */
    written: (): string => {
      const chunks = output.take()
      const octets = chunks.reduce((sum, { length }) => sum + length, 0)
      const text = chunks.map(({ buffer, length }) => buffer.toString("latin1", 0, length)).join("")
      output.sent(octets)
      for (const { buffer } of chunks) recycleChunk(buffer)
      return text
    },
    send: (text: string, endStream = false): number =>
      stream.sendData(Buffer.from(`<${text}>`), 1, text.length + 1, endStream),
    head: (status: number, ...fields: string[]): void =>
      stream.sendHeaders(new HeaderList([":status", String(status), ...fields]), false),
    end: (...trailers: string[]): void => stream.sendHeaders(new HeaderList(trailers), true),
  }
}

const keeps = "Connection: keep-alive\r\n"
const closes = "Connection: close\r\n"
const chunked = "Transfer-Encoding: chunked\r\n"

describe("a response", () => {
  test("of a length is written as it comes", () => {
    const { stream, send, head, take, written } = bedOf()
    head(200, "content-length", "4", "x", "1")
    expect([send("ab"), send("cd", true)]).toEqual([2, 2])
    expect(written()).toBe(`HTTP/1.1 200 OK\r\ncontent-length: 4\r\nx: 1\r\n${keeps}\r\nabcd`)
    expect([take(), stream.isClosed, stream.localEnded]).toEqual([["closed, reusable"], true, true])
  })

  test("without a length is in chunks, and trailers have their place", () => {
    const { send, head, end, take, written } = bedOf()
    head(200)
    send("ab")
    send("")
    end("trailer", "x", "grpc-status", "0")
    expect(written()).toBe(`HTTP/1.1 200 OK\r\n${keeps}${chunked}\r\n2\r\nab\r\n0\r\ngrpc-status: 0\r\n\r\n`)
    expect(take()).toEqual(["closed, reusable"])
  })

  test("to HTTP/1.0 without a length ends with the connection", () => {
    const { send, head, end, take, written } = bedOf({ minorVersion: 0 })
    head(200)
    send("ab")
    end("x", "1")
    expect(written()).toBe(`HTTP/1.1 200 OK\r\n${closes}\r\nab`)
    expect(take()).toEqual(["closed"])
  })

  test.each<[name: string, method: string, status: number]>([
    ["to HEAD", "HEAD", 200],
    ["204", "GET", 204],
    ["304", "GET", 304],
  ])("%s has no body, whatever is sent", (_name, method, status) => {
    const { send, head, end, take, written } = bedOf({ method })
    head(status, "content-length", "2")
    expect(send("ab")).toBe(2)
    end("x", "1")
    expect(written()).toMatch(/\r\ncontent-length: 2\r\nConnection: keep-alive\r\n\r\n$/)
    expect(take()).toEqual(["closed, reusable"])
  })

  test("longer than its length is cut, and no other follows", () => {
    const { send, head, take, written } = bedOf()
    head(200, "content-length", "2")
    send("abHTTP/1.1 200 forged", true)
    expect(written()).toMatch(/\r\n\r\nab$/)
    expect(take()).toEqual(["closed"])
  })

  test("shorter than its length is followed by none", () => {
    const { send, head, take } = bedOf()
    head(200, "content-length", "3")
    send("ab", true)
    expect(take()).toEqual(["closed"])
  })

  test("is not followed by another where the request, the connection or the answer says so", () => {
    const beds = [bedOf({ isPersistent: false }), bedOf({}, { mayPersist: false }), bedOf()]
    beds[2]!.stream.endConnection()
    for (const { head, send, take, written } of beds) {
      head(200, "content-length", "0")
      send("", true)
      expect([written(), take()]).toEqual([
        `HTTP/1.1 200 OK\r\ncontent-length: 0\r\n${closes}\r\n`,
        ["closed"],
      ])
    }
  })

  test("informational is not passed on", () => {
    const { head, written } = bedOf()
    head(103, "link", "a")
    expect(written()).toBe("")
    head(200)
    expect(written()).toMatch(/^HTTP\/1\.1 200 /)
  })

  test("has no line that a field brings about", () => {
    const { head, written } = bedOf()
    head(200, "x", "a\r\ny: 1", "z\r\n", "1")
    expect(written()).toBe(`HTTP/1.1 200 OK\r\nx: a  y: 1\r\n${keeps}${chunked}\r\n`)
  })

  test("that the kernel does not take waits, and is told once it has", () => {
    const { stream, send, head, end, take, written } = bedOf()
    head(200)
    const piece = "a".repeat(17_000)
    expect([send(piece), send("b"), stream.queuedOctets]).toEqual([0, 0, 17_001])
    end()
    expect([take(), stream.isClosed, stream.localEnded]).toEqual([[], false, true])
    written()
    stream.drained()
    expect(take()).toEqual(["closed, reusable", "sent 17001"])
  })
})

describe("a request", () => {
  const body = Buffer.from("a".repeat(200))

  test("with a body is over when both sides are", () => {
    const { stream, send, head, take } = bedOf({ hasBody: true })
    stream.begin()
    head(200, "content-length", "0")
    send("", true)
    expect([take(), stream.isClosed]).toEqual([[], false])
    stream.receive(Buffer.from("ab"), 0, 2, true)
    expect(take()).toEqual(["data ab end", "closed, reusable"])
  })

  test("is asked for its body where it waits for that, unless it is answered", () => {
    const { stream, written } = bedOf({ hasBody: true, expectsContinue: true })
    stream.begin()
    expect(written()).toBe("HTTP/1.1 100 Continue\r\n\r\n")
    const answered = bedOf({ hasBody: true, expectsContinue: true })
    answered.head(413)
    answered.stream.begin()
    expect(answered.written()).not.toContain("100")
    const empty = bedOf({ expectsContinue: true })
    empty.stream.begin()
    expect(empty.written()).toBe("")
  })

  test.each<[name: string, request: Partial<AnsweredRequest>, isAnsweredAtOnce: boolean, told: string]>([
    ["without being asked for its body", { hasBody: true }, true, closes],
    ["behind that", { hasBody: true }, false, keeps],
    ["and has no body", {}, true, keeps],
    ["and did not wait to be asked", { hasBody: true, expectsContinue: false }, true, keeps],
  ])("that is answered %s: the connection", (_name, request, isAnsweredAtOnce, connection) => {
    const { stream, head, send, written } = bedOf({ expectsContinue: true, ...request })
    if (!isAnsweredAtOnce) stream.begin()
    head(200, "content-length", "0")
    send("", true)
    expect(written()).toContain(`HTTP/1.1 200 OK\r\ncontent-length: 0\r\n${connection}\r\n`)
  })

  test("is held at a window of octets that its backend does not take, and let go at half of it", () => {
    const { stream, take } = bedOf({ hasBody: true })
    stream.receive(body, 0, 99, false)
    expect(take()).toHaveLength(1)
    stream.receive(body, 0, 1, false)
    expect(take()).toEqual(["data a", "hold"])
    stream.consume(50)
    expect(take()).toEqual([])
    stream.consume(1)
    expect(take()).toEqual(["release"])
  })
})

describe("an end", () => {
  test("before the head is a response of its own", () => {
    const { stream, take, written } = bedOf()
    stream.reset(ErrorCode.CANCEL)
    expect(written()).toMatch(/^HTTP\/1\.1 502 /)
    expect(take()).toEqual(["closed, reusable"])
  })

  test("without an answer, as nginx's 444, is the connection's", () => {
    const { stream, take, written } = bedOf()
    Object.assign(stream.owner!.record, { status: 444 })
    stream.reset(ErrorCode.CANCEL)
    expect([written(), take()]).toEqual(["", ["closed", "destroy"]])
  })

  test("without an answer to what could not be read is, too", () => {
    const { stream, take, written } = bedOf({ isRefused: true })
    Object.assign(stream.owner!.record, { status: 200 })
    stream.reset(ErrorCode.CANCEL)
    expect([written(), take()]).toEqual(["", ["closed", "destroy"]])
  })

  test.each<[name: string, request: Partial<AnsweredRequest>, fields: string[], told: string[]]>([
    ["of a length", {}, ["content-length", "5"], ["closed"]],
    ["in chunks", {}, [], ["closed"]],
    ["that the close ends", { minorVersion: 0 }, [], ["abort", "closed"]],
  ])("within a body %s is missed", (_name, request, fields, told) => {
    const { stream, head, send, take, written } = bedOf(request)
    head(200, ...fields)
    send("ab")
    stream.reset(ErrorCode.CANCEL)
    expect(take()).toEqual(told)
    expect(written()).not.toContain("0\r\n\r\n")
  })

  test("behind a whole answer leaves the connection as it is", () => {
    const { stream, head, send, take } = bedOf({ hasBody: true })
    head(200, "content-length", "0")
    send("", true)
    stream.reset(ErrorCode.NO_ERROR)
    expect(take()).toEqual(["closed, reusable"])
    stream.receive(Buffer.from("late"), 0, 4, true)
    stream.reset(ErrorCode.NO_ERROR)
    stream.gone()
    expect(take()).toEqual([])
  })

  test("of the connection is told to the owner, once", () => {
    const { stream, take } = bedOf()
    stream.gone()
    stream.gone()
    expect(take()).toEqual(["closed", "gone"])
  })

  test("with octets that wait takes the connection along", () => {
    const { stream, head, send, take } = bedOf()
    stream.discardQueued()
    head(200)
    send("a".repeat(20_000))
    expect(take()).toEqual([])
    stream.discardQueued()
    expect(take()).toEqual(["closed", "destroy"])
  })
})
