import assert from "node:assert/strict"
import { ClientHelloReader } from "../../../src/tcp/client-hello.ts"
import type { Target } from "../engine/target.ts"

const record = (payload: number[]): number[] => [
  0x16,
  3,
  1,
  payload.length >> 8,
  payload.length & 255,
  ...payload,
]

/** A handshake message with these extensions. */
function hello(extensions: number[]): number[] {
  const body = [
    3,
    3,
    ...new Array<number>(32).fill(7),
    0,
    0,
    2,
    0x13,
    1,
    1,
    0,
    0,
    extensions.length,
    ...extensions,
  ]
  return [1, 0, 0, body.length, ...body]
}

const NAME = [0, 0, 0, 8, 0, 6, 0, 0, 3, 0x61, 0x2e, 0x62]
const PROTOCOLS = [0, 16, 0, 5, 0, 3, 2, 0x68, 0x32]
const VERSIONS = [0, 43, 0, 3, 2, 3, 4]

/**
 * A ClientHello that comes octet by octet is judged once, the same as when it comes at once, and whatever follows it. What
 * it names is no longer than what was sent.
 */
export const clientHello: Target = {
  steps: { base: 5000, perOctet: 5000 },
  *seeds() {
    const message = hello([...NAME, ...PROTOCOLS, ...VERSIONS])
    yield Buffer.from(record(message))
    yield Buffer.from([...record(message.slice(0, 9)), ...record([]), ...record(message.slice(9)), 0x17])
    yield Buffer.from(record(hello([])))
    yield Buffer.from(record(hello([...NAME, ...NAME])))
    yield Buffer.from([0x80, 46, 1, 3, 1, 0, 0])
    yield Buffer.from("GET / HTTP/1.1\r\n\r\n")
  },
  run(input) {
    const octets = Buffer.from(input)
    const reader = new ClientHelloReader()
    let verdict: ReturnType<ClientHelloReader["read"]> = "more"
    for (let end = 0; end <= octets.length && verdict === "more"; end++)
      verdict = reader.read(octets.subarray(0, end))
    assert.deepEqual(new ClientHelloReader().read(octets), verdict, "however it is cut")
    if (typeof verdict === "string") return
    const { serverName, alpnProtocols } = verdict
    assert(serverName.length + alpnProtocols.length < octets.length, "no more is told than was sent")
  },
}
