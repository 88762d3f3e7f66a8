import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { Lab } from "../../test/support/memory-link.ts"
import { Setting } from "./frame/settings.ts"
import { FrameType } from "./frame/types.ts"
import { HeaderList } from "./header-list.ts"

const MAX = 2 ** 31 - 1

describe("SETTINGS that come", () => {
  test.for([
    ["ENABLE_PUSH", 0, null],
    ["ENABLE_PUSH", 1, null],
    ["ENABLE_PUSH", 2, "PROTOCOL_ERROR"],
    ["INITIAL_WINDOW_SIZE", 0, null],
    ["INITIAL_WINDOW_SIZE", MAX, null],
    ["INITIAL_WINDOW_SIZE", MAX + 1, "FLOW_CONTROL_ERROR"],
    ["INITIAL_WINDOW_SIZE", 2 ** 32 - 1, "FLOW_CONTROL_ERROR"],
    ["MAX_FRAME_SIZE", 16_383, "PROTOCOL_ERROR"],
    ["MAX_FRAME_SIZE", 16_384, null],
    ["MAX_FRAME_SIZE", 2 ** 24 - 1, null],
    ["MAX_FRAME_SIZE", 2 ** 24, "PROTOCOL_ERROR"],
    ["MAX_CONCURRENT_STREAMS", 2 ** 32 - 1, null],
    ["MAX_HEADER_LIST_SIZE", 0, null],
    ["HEADER_TABLE_SIZE", 2 ** 32 - 1, null],
    ["ENABLE_CONNECT_PROTOCOL", 1, null],
    ["ENABLE_CONNECT_PROTOCOL", 2, "PROTOCOL_ERROR"],
    ["NO_RFC7540_PRIORITIES", 1, null],
    ["NO_RFC7540_PRIORITIES", 2, "PROTOCOL_ERROR"],
  ] as const)("%s = %i: %s", ([name, value, error]) => {
    const lab = new Lab("server")
    lab.send(dsl.settings({ [name]: value }))
    expect(lab.said()).toEqual([error === null ? "SETTINGS ACK" : `GOAWAY 0 ${error}`])
  })

  test("a server may not switch push on", () => {
    const lab = new Lab("client")
    lab.send(dsl.settings({ ENABLE_PUSH: 1 }))
    expect(lab.said()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"])
  })

  test("identifiers that nobody knows are ignored", () => {
    const lab = new Lab("server")
    lab.send(
      dsl.rawSettings([
        [0, 1],
        [7, 2],
        [0xffff, 0xffff_ffff],
      ]),
    )
    expect(lab.said()).toEqual(["SETTINGS ACK"])
  })

  test("of one that stands twice the last counts", () => {
    const lab = new Lab("client")
    lab.send(
      dsl.rawSettings([
        [Setting.MAX_CONCURRENT_STREAMS, 1],
        [Setting.MAX_CONCURRENT_STREAMS, 9],
      ]),
    )
    expect(lab.connection.peerMaxConcurrentStreams).toBe(9)
  })

  test.for([
    ["5 octets", dsl.frame(FrameType.SETTINGS, 0, 0, Buffer.alloc(5)), "FRAME_SIZE_ERROR"],
    ["an ACK with octets", dsl.frame(FrameType.SETTINGS, 1, 0, Buffer.alloc(6)), "FRAME_SIZE_ERROR"],
    ["on a stream", dsl.frame(FrameType.SETTINGS, 0, 1), "PROTOCOL_ERROR"],
    ["an ACK on a stream", dsl.frame(FrameType.SETTINGS, 1, 1), "PROTOCOL_ERROR"],
  ] as const)("%s: the connection ends", ([, frame, code]) => {
    const lab = new Lab("server")
    lab.send(frame)
    expect(lab.said()).toEqual([`GOAWAY 0 ${code}`])
  })
})

describe("the first frames", () => {
  test("a server starts with SETTINGS and needs nothing for it", () => {
    const lab = new Lab("server", { greeted: false })
    expect(lab.said()).toEqual(["SETTINGS", `WINDOW_UPDATE 0 ${16 * 1024 * 1024 - 65_535}`])
  })

  test("a client starts with the preface, then SETTINGS that switch push off", () => {
    const lab = new Lab("client", { greeted: false })
    const [first] = lab.frames()
    expect(settingsOf(first!.payload)).toMatchObject({ [Setting.ENABLE_PUSH]: 0 })
  })

  test("what is advertised is what limits.ts says", () => {
    const lab = new Lab("server", { greeted: false, maxConcurrentStreams: 77 })
    expect(settingsOf(lab.frames()[0]!.payload)).toEqual({
      [Setting.HEADER_TABLE_SIZE]: 4096,
      [Setting.MAX_CONCURRENT_STREAMS]: 77,
      [Setting.INITIAL_WINDOW_SIZE]: 256 * 1024,
      [Setting.MAX_FRAME_SIZE]: 16_384,
      [Setting.MAX_HEADER_LIST_SIZE]: 64 * 1024,
      [Setting.NO_RFC7540_PRIORITIES]: 1,
    })
  })

  test("they are advertised once, and acknowledged once", () => {
    const lab = new Lab("server", { greeted: false })
    lab.said()
    lab.send(dsl.preface, dsl.settings())
    expect(lab.said()).toEqual(["SETTINGS ACK"])
    lab.send(dsl.settingsAck())
    expect(lab.said()).toEqual([])
  })

  test.for([
    ["server", "HEADERS", dsl.headers(1, dsl.request)],
    ["server", "an acknowledgement of nothing", dsl.settingsAck()],
    ["client", "HEADERS", dsl.headers(1, dsl.response)],
    ["client", "GOAWAY", dsl.goaway(0)],
  ] as const)("to a %s: %s before SETTINGS is refused", ([role, , frame]) => {
    const lab = new Lab(role, { greeted: false })
    lab.said()
    lab.send(...(role === "server" ? [dsl.preface] : []), frame)
    expect(lab.said()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"])
  })

  test("a preface one octet at a time is a preface", () => {
    const lab = new Lab("server", { greeted: false })
    lab.said()
    for (const octet of Buffer.concat([dsl.preface, dsl.settings()])) lab.send(Buffer.from([octet]))
    expect(lab.said()).toEqual(["SETTINGS ACK"])
  })

  test("the first wrong octet of a preface ends it", () => {
    const lab = new Lab("server", { greeted: false })
    lab.said()
    lab.send(Buffer.from("PRI * HTTP/1"))
    expect(lab.said()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"])
    expect(lab.events.limits).toEqual(["preface_malformed"])
  })
})

describe("header tables", () => {
  const list = new HeaderList([":status", "200", "x-a", "1"])
  const blockSent = (lab: Lab): Buffer => {
    lab.send(dsl.headers(1, dsl.request))
    lab.events.streams.get(1)!.sendHeaders(list, false)
    return lab.frames().find(({ type }) => type === FrameType.HEADERS)!.payload
  }

  test("a peer that wants none gets a block that says so and uses none", () => {
    const lab = new Lab("server")
    lab.send(dsl.settings({ HEADER_TABLE_SIZE: 0 }))
    expect(blockSent(lab)[0]).toBe(0x20)
  })

  test("one that is lowered and raised in the same frame is emptied on the way: RFC 7541 §4.2", () => {
    const lab = new Lab("server")
    lab.send(
      dsl.rawSettings([
        [Setting.HEADER_TABLE_SIZE, 0],
        [Setting.HEADER_TABLE_SIZE, 4096],
      ]),
    )
    expect(blockSent(lab).subarray(0, 4)).toEqual(Buffer.from([0x20, 0x3f, 0xe1, 0x1f]))
  })

  test("our encoder uses none where encoderTableOctets says so", () => {
    const lab = new Lab("server", { limits: { encoderTableOctets: 0 } })
    expect(blockSent(lab)[0]).toBe(0x20)
    expect(lab.connection.sender.encoder.tableOctets).toBe(0)
  })

  test("ours of another size than 4096 holds from the peer's acknowledgement on, not before", () => {
    const lab = new Lab("server", { greeted: false, limits: { headerTableOctets: 0 } })
    // Sent before the client has seen our SETTINGS, so its table is the 4096 octets that all start with.
    const indexing = Buffer.concat([dsl.headerBlock(dsl.request), Buffer.from("4003782d610162", "hex")])
    const indexed = Buffer.concat([dsl.headerBlock(dsl.request), Buffer.from([0xbe])])
    lab.send(dsl.preface, dsl.settings(), dsl.headers(1, indexing), dsl.headers(3, indexed))
    expect(lab.events.take()).toEqual(["request 1 /test.Echo/Chat", "request 3 /test.Echo/Chat"])
    lab.send(
      dsl.settingsAck(),
      dsl.headers(5, Buffer.concat([Buffer.from([0x20]), dsl.headerBlock(dsl.request)])),
    )
    expect(lab.events.take()).toEqual(["request 5 /test.Echo/Chat"])
    lab.send(dsl.headers(7, indexed))
    expect(lab.said().at(-1)).toBe("GOAWAY 5 COMPRESSION_ERROR")
  })

  test("an update above what we advertised is a decoding error", () => {
    const lab = new Lab("server")
    const update = Buffer.from([0x3f, 0xe2, 0x1f])
    lab.send(dsl.headers(1, Buffer.concat([update, dsl.headerBlock(dsl.request)])))
    expect(lab.said()).toEqual(["GOAWAY 0 COMPRESSION_ERROR"])
    expect(lab.events.limits).toEqual(["header_table_exceeded"])
  })
})

describe("time", () => {
  test("no SETTINGS at all in 10 s: SETTINGS_TIMEOUT", () => {
    const lab = new Lab("server", { greeted: false })
    lab.send(dsl.preface)
    lab.connection.tick(10_000)
    expect(lab.events.fault).toBeNull()
    lab.connection.tick(10_001)
    expect(lab.said().at(-1)).toBe("GOAWAY 0 SETTINGS_TIMEOUT")
    expect(lab.events.limits).toEqual(["preface_timeout"])
  })

  test("no acknowledgement of ours, ever: a client is served all the same", () => {
    const lab = new Lab("server", { greeted: false })
    lab.send(dsl.preface, dsl.settings(), dsl.headers(1, dsl.request))
    for (let s = 1; s <= 3600; s++) lab.connection.tick(s * 1000)
    lab.nowMs = 3_600_000
    lab.send(dsl.data(1, "late"), dsl.headers(3, dsl.request))
    expect([lab.events.take(), lab.events.fault, lab.events.limits]).toEqual([
      ["request 1 /test.Echo/Chat", "data 1 late", "request 3 /test.Echo/Chat"],
      null,
      [],
    ])
  })

  test("nor does a server have to acknowledge", () => {
    const lab = new Lab("client", { greeted: false })
    lab.send(dsl.settings())
    const stream = lab.connection.open(new HeaderList(dsl.request.flat()), true, false, "test")
    for (let s = 1; s <= 3600; s++) lab.connection.tick(s * 1000)
    lab.send(dsl.headers(stream.id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
    expect([lab.events.take(), lab.events.fault, lab.events.limits]).toEqual([
      ["response 1 200 END_STREAM"],
      null,
      [],
    ])
  })

  test("what the peer sends without acknowledging is held to the larger of both windows, stream by stream", () => {
    const lab = new Lab("server", { greeted: false, limits: { streamWindowOctets: 70_000 } })
    lab.send(dsl.preface, dsl.settings(), dsl.headers(1, dsl.request), dsl.headers(3, dsl.request))
    for (let i = 0; i < 7; i++) lab.send(dsl.data(1, Buffer.alloc(10_000)))
    expect(lab.events.limits).toEqual([])
    lab.send(dsl.data(1, "x"), dsl.data(3, "fine"))
    expect([lab.events.limits[0], lab.events.lines.at(-1)]).toEqual(["stream_window_exceeded", "data 3 fine"])
  })

  test("a table larger than 4,096 may be used as soon as it was seen, acknowledged or not", () => {
    const lab = new Lab("server", { greeted: false, limits: { headerTableOctets: 8192 } })
    // RFC 7541 §6.3: a size update to 8,192.
    const block = Buffer.concat([Buffer.from([0x3f, 0xe1, 0x3f]), dsl.headerBlock(dsl.request)])
    lab.send(
      dsl.preface,
      dsl.settings(),
      dsl.headers(1, block),
      dsl.settingsAck(),
      dsl.headers(3, dsl.request),
    )
    expect([lab.events.take(), lab.events.fault]).toEqual([
      ["request 1 /test.Echo/Chat", "request 3 /test.Echo/Chat"],
      null,
    ])
  })

  test("half a header block in 10 s: ENHANCE_YOUR_CALM", () => {
    const lab = new Lab("server")
    lab.nowMs = 60_000
    lab.send(dsl.headers(1, dsl.request, { endHeaders: false }))
    lab.connection.tick(70_000)
    expect(lab.events.fault).toBeNull()
    lab.connection.tick(70_001)
    expect(lab.events.limits).toEqual(["header_block_timeout"])
  })

  const half = dsl.headers(1, dsl.request).subarray(0, 20)
  test.for([
    ["SETTINGS", [dsl.preface], "preface_timeout"],
    ["the rest of a frame", [dsl.preface, dsl.settings(), dsl.settingsAck(), half], "header_block_timeout"],
    [
      "the rest of a header block",
      [dsl.preface, dsl.settings(), dsl.settingsAck(), dsl.headers(1, dsl.request, { endHeaders: false })],
      "header_block_timeout",
    ],
  ] as const)("while we do not read, nobody is late with %s", ([, sent, limit]) => {
    const lab = new Lab("server", { greeted: false })
    lab.send(...sent)
    for (const nowMs of [1000, 30_000, 60_000]) lab.connection.tick(nowMs, true)
    lab.connection.tick(70_000)
    expect(lab.events.limits).toEqual([])
    lab.connection.tick(70_001)
    expect(lab.events.limits).toEqual([limit])
  })
})

function settingsOf(payload: Buffer): Record<number, number> {
  const values: Record<number, number> = {}
  for (let at = 0; at < payload.length; at += 6)
    values[payload.readUInt16BE(at)] = payload.readUInt32BE(at + 2)
  return values
}
