import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { toBinary } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { WebSocket } from "ws"
import { browserClients } from "../support/browser-clients.ts"
import * as dsl from "../support/frame-dsl.ts"
import { RawServer } from "../support/raw-server.ts"
import { talkDescriptors, word } from "../support/talk-backend.ts"
import { TestBed } from "../support/test-bed.ts"

/** How backends write `grpc-message`, and what people are to read. Octets, one character each. */
const messages: [written: string, read: string][] = [
  ["disk 100% full", "disk 100% full"],
  ["%", "%"],
  ["%zz and %4", "%zz and %4"],
  ["no%3A %E4%B8%8D", "no: 不"],
  ["50%25 of 100%", "50% of 100%"],
  ["%FF%E4%B8", "\ufffd\ufffd"],
  [Buffer.from("不").toString("latin1"), "不"],
  ["\xff", "\ufffd"],
]

const folder = mkdtempSync(join(tmpdir(), "sluice-status-"))
const descriptorSet = join(folder, "talk.binpb")
beforeAll(async () => {
  writeFileSync(descriptorSet, toBinary(FileDescriptorSetSchema, talkDescriptors))
  // Node's fetch keeps a socket from its first use on.
  await fetch("http://127.0.0.1:1").catch(() => {})
})
afterAll(() => rmSync(folder, { recursive: true }))

async function start(t: Parameters<typeof TestBed.start>[0], fields: dsl.Field[], isTrailersOnly: boolean) {
  const backend = await RawServer.start()
  backend.onStream = ({ connection, id }) => {
    const head = isTrailersOnly ? [...dsl.response, ...fields] : dsl.response
    connection.send(dsl.headers(id, head, { endStream: isTrailersOnly }))
    if (!isTrailersOnly) connection.send(dsl.headers(id, fields, { endStream: true }))
  }
  return TestBed.start(t, {
    backends: [backend],
    config: { bridge: { grpcWeb: true, connect: true, webSocket: true, descriptorSet } },
  })
}

const decoded = (message: string): string => (message.includes("%") ? decodeURIComponent(message) : message)

describe.each(browserClients)("$name", (client) => {
  describe.each([
    ["in trailers", false],
    ["in trailers only", true],
  ])("%s", (_name, isTrailersOnly) => {
    test.for(messages)("a backend's message %j is %j", async ([written, read], t) => {
      const fields: dsl.Field[] = [
        ["grpc-status", "5"],
        ["grpc-message", written],
      ]
      const bed = await start(t, fields, isTrailersOnly)
      const { code, message } = await client.call(bed.port, "Say", [word({ text: "x" })])
      // Some of these clients leave the message as it travels.
      expect({ code, messages: [message, tryDecoded(message)] }).toEqual({
        code: 5,
        messages: expect.arrayContaining([read]) as string[],
      })
    })
  })

  test.for(["!!", "_w", "CAUSAv8"])("details %j that are none do not hide the status", async (details, t) => {
    const fields: dsl.Field[] = [
      ["grpc-status", "5"],
      ["grpc-message", "gone"],
      ["grpc-status-details-bin", details],
    ]
    const bed = await start(t, fields, false)
    const { code, message } = await client.call(bed.port, "Say", [word({ text: "x" })])
    expect({ code, message: decoded(message) }).toEqual({ code: 5, message: "gone" })
  })
})

function tryDecoded(message: string): string {
  try {
    return decoded(message)
  } catch {
    return message
  }
}

test.for(messages)("a page's WebSocket of JSON reads %j as %j", async ([written, read], t) => {
  const bed = await start(
    t,
    [
      ["grpc-status", "5"],
      ["grpc-message", written],
    ],
    false,
  )
  const socket = new WebSocket(`ws://127.0.0.1:${bed.port}/talk.Talk/Say`)
  const status = await new Promise<string>((resolve) => {
    socket.on("open", () => socket.send("{}"))
    socket.on("message", (data) => resolve((data as Buffer).toString()))
  })
  expect(JSON.parse(status)).toEqual({ "@status": { code: 5, message: read, details: [] } })
})

test.for(messages)("gRPC-Web has on the wire of %j what decodes to %j", async ([written, read], t) => {
  const bed = await start(
    t,
    [
      ["grpc-status", "5"],
      ["grpc-message", written],
    ],
    false,
  )
  const response = await fetch(`http://127.0.0.1:${bed.port}/talk.Talk/Say`, {
    method: "POST",
    headers: { "content-type": "application/grpc-web" },
    body: Buffer.alloc(5),
  })
  const trailers = Buffer.from(await response.arrayBuffer())
    .subarray(5)
    .toString("latin1")
  const value = /^grpc-message: (.*)\r$/m.exec(trailers)![1]!
  expect(value).toMatch(/^(?:[\x20-\x24\x26-\x7e]|%[0-9A-F]{2})*$/)
  expect(decodeURIComponent(value)).toBe(read)
})
