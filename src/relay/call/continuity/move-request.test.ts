import { describe, expect, test } from "vitest"
import { streamRecord } from "../../../../test/support/stream-record.ts"
import { Endpoint } from "../../../cluster/endpoint.ts"
import type { Pool } from "../../../cluster/pool.ts"
import { defaultEndpoint } from "../../../config/defaults.ts"
import { errorCodeName } from "../../../http2/error-code.ts"
import { HeaderList } from "../../../http2/header-list.ts"
import type { LegConnection } from "../../upstream/leg-connection.ts"
import { MoveRequest } from "./move-request.ts"

interface BedOptions {
  /** A place on a connection: at once, later, or not at all. */
  lease?: "now" | "later" | "never"
  list?: string[]
  call?: string
  leg?: number
}

/** A backend that is asked to hand a leg off, and what is done to the pool and to the stream. */
function bedOf({ lease = "now", list = [], call = "abc", leg = 2 }: BedOptions = {}) {
  const lines: string[] = []
  const answers: boolean[] = []
  const stream = {
    isClosed: false,
    localEnded: false,
    remoteEnded: false,
    queuedOctets: 0,
    sendData: (octets: Buffer, start: number, end: number, endStream: boolean) => {
      stream.localEnded = endStream
      lines.push(`data ${octets.toString("hex", start, end)}${endStream ? " END" : ""}`)
      return end - start
    },
    consume: (octets: number) => lines.push(`credit ${octets}`),
    reset: (code: number) => lines.push(`reset ${errorCodeName(code)}`),
  }
  const connection = {
    open: ({ fields }: HeaderList, endStream: boolean, isHead: boolean) => {
      lines.push(`open ${fields.join(" ")}${endStream ? " END" : ""}${isHead ? " HEAD" : ""}`)
      return stream
    },
    release: () => lines.push("release"),
  } as unknown as LegConnection
  const pool = {
    tryLease: () => (lease === "now" ? connection : null),
    wait: () => (lease === "never" ? { reason: "full", isLimit: true } : null),
    abandon: () => lines.push("abandon"),
  } as unknown as Pool<LegConnection>
  const endpoint = new Endpoint(
    defaultEndpoint({ text: "127.0.0.1:1", host: "127.0.0.1", port: 1, unixPath: null }),
  )
  const request = new MoveRequest(
    pool,
    endpoint,
    streamRecord(),
    new HeaderList(list),
    5000,
    { call, leg },
    (isAgreed) => answers.push(isAgreed),
  )
  return { request, connection, stream, endpoint, lines, answers, take: () => lines.splice(0) }
}

const HEAD = "te trailers content-type application/grpc grpc-timeout 5000m"
const head = (...fields: string[]) => ({ list: new HeaderList(fields), status: 200, contentLength: -1 })

describe("a backend is asked to hand a leg off", () => {
  test("by a unary call that names the call and the leg, where the leg itself goes", () => {
    const { request, take } = bedOf({ list: [":scheme", "https", ":authority", "b.test", ":path", "/s/m"] })
    expect(request.begin()).toBe(true)
    expect(take()).toEqual([
      `open :method POST :scheme https :authority b.test :path /continuity.v1.Continuity/Move ${HEAD}`,
      // Field 1: abc; field 2: 2.
      "data 00000000070a036162631002 END",
    ])
  })

  test.each<[string, list: string[], where: string]>([
    [
      "a host alone",
      [":scheme", "http", ":path", "/s/m", "host", "b.test"],
      ":scheme http :authority b.test",
    ],
    ["both", [":scheme", "http", ":authority", "a.test", "host", "b.test"], ":scheme http :authority a.test"],
    ["neither, nor a scheme", [], ":scheme http"],
  ])("whose head may say %s", (_, list, where) => {
    const { request, take } = bedOf({ list })
    request.begin()
    expect(take()[0]).toBe(`open :method POST ${where} :path /continuity.v1.Continuity/Move ${HEAD}`)
  })

  test("once there is a place on a connection", () => {
    const { request, connection, take, answers } = bedOf({ lease: "later" })
    expect(request.begin()).toBe(true)
    expect(take()).toEqual([])
    request.onLease(connection)
    expect(take()).toHaveLength(2)
    expect(answers).toEqual([])
  })

  test("but not where there is none", () => {
    const { request, take, answers } = bedOf({ lease: "never" })
    expect(request.begin()).toBe(false)
    expect([take(), answers]).toEqual([[], []])
  })

  test("for as long as its stream waits", () => {
    expect(bedOf().request).toMatchObject({ waitTimeoutMs: 5000, bufferedOctets: 0 })
  })
})

describe("what it answers", () => {
  test.each<[string, (request: MoveRequest) => void, boolean]>([
    ["yes", (request) => request.onResponseTrailers(new HeaderList(["grpc-status", "0"])), true],
    ["no", (request) => request.onResponseTrailers(new HeaderList(["grpc-status", "12"])), false],
    ["nothing that means anything", (request) => request.onResponseTrailers(new HeaderList([])), false],
    ["no, in its head", (request) => request.onResponse(head("grpc-status", "12"), true), false],
    ["yes, in its head", (request) => request.onResponse(head("grpc-status", "0"), true), true],
    ["a reset", (request) => request.onUpstreamReset(), false],
    ["nothing, since memory is short", (request) => request.shed(), false],
  ])("%s: told once, and the place is given back", (_, answer, isAgreed) => {
    const { request, stream, take, answers } = bedOf()
    request.begin()
    take()
    stream.remoteEnded = true
    answer(request)
    answer(request)
    request.close()
    expect(answers).toEqual([isAgreed])
    expect(take()).toEqual(["release"])
  })

  test("begins with a head that is none yet, and octets are given credit for", () => {
    const { request, take, answers } = bedOf()
    request.begin()
    take()
    request.onResponse(head("grpc-status", "0"), false)
    request.onInformational()
    request.onUpstreamSent()
    request.onResponseData(Buffer.alloc(9), 2, 7)
    expect([take(), answers]).toEqual([["credit 5"], []])
  })

  test("comes to nothing without a place", () => {
    const { request, take, answers } = bedOf({ lease: "later" })
    request.begin()
    request.onNoLease()
    expect([take(), answers]).toEqual([["abandon"], [false]])
  })
})

describe("a question that is not wanted any more", () => {
  test("is reset, and told to no one", () => {
    const { request, take, answers } = bedOf()
    request.begin()
    take()
    request.close()
    request.close()
    request.onUpstreamReset()
    expect([take(), answers]).toEqual([["reset CANCEL", "release"], []])
  })

  test("leaves the queue where it has no place", () => {
    const { request, take, answers } = bedOf({ lease: "later" })
    request.begin()
    request.close()
    request.close()
    expect([take(), answers]).toEqual([["abandon"], []])
  })
})

test("it does not move itself, and is at the endpoint that it asks", () => {
  const { request, endpoint } = bedOf()
  expect(request.canMove()).toBe(false)
  expect(request.endpointAddress).toBe("127.0.0.1:1")
  expect(request.paceEndpoint).toBe(endpoint)
  expect(request.paceClient).toBe(request)
  expect(request.render()).toBe("")
})
