import { existsSync, globSync, readFileSync } from "node:fs"
import { basename, dirname } from "node:path"
import { describe, expect, test } from "vitest"
import { continuation, data, headers, request, rstStream } from "../../../test/support/frame-dsl.ts"
import { Lab } from "../../../test/support/memory-link.ts"
import { errorCodeName } from "../error-code.ts"
import { Flag } from "./types.ts"

/** http2jp/http2-frame-test-case, kept beside the repository. */
const VECTORS = new URL("../../../../shared/vectors/frames/", import.meta.url)

interface Vector {
  readonly name: string
  readonly wire: Buffer
  /** Codes that a receiver may end the connection with; null for a valid frame. */
  readonly error: number[] | null
}

function read(path: string): Vector {
  const { wire, error } = JSON.parse(readFileSync(path, "utf8"))
  return {
    name: `${basename(dirname(path))}/${basename(path, ".json")}`,
    wire: Buffer.from(wire, "hex"),
    error,
  }
}

const hasVectors = existsSync(VECTORS)
const vectors = hasVectors
  ? globSync("*/*.json", { cwd: VECTORS }).map((path) => read(new URL(path, VECTORS).pathname))
  : []
const wireOf = (name: string): Buffer => Buffer.from(vectors.find((vector) => vector.name === name)!.wire)

/** The vectors put frames on any stream and carry no real header block; what is about neither is left as it is. */
const BLOCK = Buffer.from("8386844108746573742e636f6d", "hex")

function onStream(id: number, wire: Buffer): Buffer {
  wire.writeUInt32BE(id, 5)
  const at = wire.indexOf("this is dummy")
  if (at >= 0) BLOCK.copy(wire, at)
  return wire
}

const open = headers(1, request)

describe.runIf(hasVectors)("frames of http2-frame-test-case", () => {
  test("are all there", () => expect(vectors.length).toBeGreaterThan(30))

  test.for(vectors.filter(({ error }) => error !== null))(
    "$name ends the connection with an allowed code",
    ({ wire, error }) => {
      for (const role of ["server", "client"] as const) {
        const lab = new Lab(role)
        if (role === "server") lab.send(open)
        lab.send(wire)
        expect(error!.map(errorCodeName)).toContain(errorCodeName(lab.events.fault?.code ?? -1))
        expect(lab.said().at(-1)).toMatch(/^GOAWAY/)
      }
    },
  )

  test("DATA: its octets without the padding, all of them taken from the window", () => {
    const lab = new Lab("server", { limits: { streamWindowOctets: 20 } })
    lab.send(open, onStream(1, wireOf("data/normal")))
    expect(lab.events.take()).toEqual(["request 1 /test.Echo/Chat", "data 1 Hello, world!"])
    lab.send(data(1, "x"))
    expect(lab.events.limits).toContain("stream_window_exceeded")
  })

  test.for(["headers/normal", "headers/priority"])("%s: a request", (name) => {
    const lab = new Lab("server")
    lab.send(onStream(1, wireOf(name)))
    expect(lab.events.take()).toEqual(["request 1 /"])
  })

  test("CONTINUATION: joined with what HEADERS began", () => {
    const lab = new Lab("server")
    const begun = headers(1, Buffer.alloc(0), { endHeaders: false })
    lab.send(begun, onStream(1, wireOf("continuation/header")))
    expect(lab.events.take()).toEqual([])
    lab.send(continuation(1, Buffer.alloc(0)))
    expect(lab.events.take()).toEqual(["request 1 /"])
  })

  test("CONTINUATION without octets, and not the last: a flood in the making", () => {
    const lab = new Lab("server")
    lab.send(headers(1, BLOCK, { endHeaders: false }), onStream(1, wireOf("continuation/normal")))
    expect(lab.events.fault).toMatchObject({ limit: "continuation_empty" })
  })

  test("PRIORITY: nothing happens", () => {
    const lab = new Lab("server")
    lab.send(wireOf("priority/normal"))
    expect([lab.said(), lab.events.take()]).toEqual([[], []])
  })

  test("RST_STREAM: the stream's end, with its code", () => {
    const lab = new Lab("server")
    lab.send(headers(5, request), wireOf("rst_stream/normal"))
    expect(lab.events.take()).toEqual(["request 5 /test.Echo/Chat", "reset 5 CANCEL peer"])
  })

  test("SETTINGS: acknowledged and in force", () => {
    const lab = new Lab("client")
    lab.send(wireOf("settings/normal"))
    expect(lab.said()).toEqual(["SETTINGS ACK"])
    expect(lab.connection.peerMaxConcurrentStreams).toBe(5000)
  })

  test("PING: answered with the same octets", () => {
    const lab = new Lab("server")
    lab.send(wireOf("ping/normal"))
    expect(lab.said()).toEqual(["PING ACK deadbeef"])
  })

  test("GOAWAY: its code and debug data", () => {
    const lab = new Lab("client")
    lab.send(wireOf("goaway/normal"))
    expect(lab.events.take()).toEqual(["goaway COMPRESSION_ERROR hpack is broken", "end"])
  })

  test("WINDOW_UPDATE: credit for its stream", () => {
    const lab = new Lab("server")
    lab.send(open, onStream(1, wireOf("window_update/normal")))
    expect(lab.events.streams.get(1)!.sendWindow).toBe(65_535 + 1000)
  })

  test("PUSH_PROMISE: never allowed, since push is switched off and clients cannot", () => {
    for (const role of ["server", "client"] as const) {
      const lab = new Lab(role)
      lab.send(wireOf("push_promise/normal"))
      expect(lab.said()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"])
    }
  })
})

test.skipIf(hasVectors)(
  "no vectors: ../shared/vectors/frames is not beside the repository (http2jp/http2-frame-test-case)",
  () => {},
)

test("the reserved bits of a stream id, an increment and a last stream id are ignored", () => {
  const lab = new Lab("server")
  const reserved = 2 ** 31
  const begun = Buffer.from(open)
  begun.writeUInt32BE(reserved + 1, 5)
  lab.send(begun)
  const reset = Buffer.from(rstStream(1))
  reset.writeUInt32BE(reserved + 1, 5)
  reset[4] = Flag.END_STREAM | Flag.PADDED
  lab.send(reset)
  expect(lab.events.take()).toEqual(["request 1 /test.Echo/Chat", "reset 1 CANCEL peer"])
})
