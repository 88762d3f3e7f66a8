import assert from "node:assert/strict"
import { seededRandom } from "../../../src/base/random.ts"
import { Base64Decoder } from "../../../src/bridge/grpc-web/base64-stream.ts"
import { decodeGrpcMessage } from "../../../src/bridge/shared/grpc-message.ts"
import { framed, MessageSplitter } from "../../../src/bridge/shared/message-splitter.ts"
import { readStatusDetails } from "../../../src/bridge/shared/status-details.ts"
import { countWhole, MessageScanner } from "../../../src/grpc/message-scanner.ts"
import { encodeGrpcMessage, parseGrpcStatus } from "../../../src/grpc/status.ts"
import { parseGrpcTimeout } from "../../../src/grpc/timeout.ts"
import { normalizeUri } from "../../../src/record/uri.ts"
import { randomly } from "../../support/memory-link.ts"
import type { Target } from "../engine/target.ts"

const MESSAGE_OCTETS_MAX = 300
const PREFIX_OCTETS = 5
/** Eight digits of hours. */
const TIMEOUT_MS_MAX = 99_999_999 * 3_600_000

/**
 * gRPC's own small parsers, each beside the plainest one that could be written: message boundaries, base64 in pieces,
 * `grpc-timeout`, `grpc-status`, `grpc-message`, status details, and the path.
 */
export const grpc: Target = {
  steps: { base: 5000, perOctet: 100 },
  *seeds() {
    const messages = [
      framed(0, Buffer.from("hello")),
      framed(1, Buffer.alloc(0)),
      framed(0, Buffer.alloc(300, 1)),
    ]
    for (const message of messages) yield Buffer.concat([Buffer.from([7]), message])
    yield Buffer.concat([Buffer.from([9]), ...messages])
    yield Buffer.from(`\u0005${Buffer.concat(messages).toString("base64")}`)
    yield Buffer.from("\u0005aGk=aGk=aA==aGVsbG8")
    for (const text of ["1H", "99999999n", "00000010S", "7", "16", "no%3A %E4%B8%8D", "/a//b/%2e%2e/c/./d?x"])
      yield Buffer.from(`\u0001${text}`)
    yield Buffer.from(
      `\u0001${Buffer.from("\b\t\u0012\u0002no\u001a\u0007\n\u0003t/x\u0012\0").toString("base64")}`,
    )
  },
  run(input) {
    const cut = randomly(seededRandom(input[0] ?? 0), 12)
    const octets = input.subarray(1)
    boundaries(octets, cut(octets))
    base64(octets, cut(octets))
    const text = octets.toString("latin1")
    const timeout = parseGrpcTimeout(text)
    assert(timeout === null || (Number.isInteger(timeout) && timeout >= 0 && timeout <= TIMEOUT_MS_MAX))
    assert.equal(timeout !== null, /^[0-9]{1,8}[HMSmun]$/.test(text))
    const status = parseGrpcStatus(text)
    assert(Number.isInteger(status) && status >= 0 && status <= 999)
    const message = decodeGrpcMessage(text)
    assert.equal(decodeGrpcMessage(encodeGrpcMessage(message)), message, "grpc-message does not come back")
    for (const { typeName, value } of readStatusDetails(text))
      assert(typeof typeName === "string" && value instanceof Uint8Array)
    path(text)
  },
}

interface Boundaries {
  readonly messages: readonly string[]
  readonly begun: number
  readonly isAtBoundary: boolean
  readonly refusedOctets: number
}

/** Reads all at once, as the sentence in gRPC's protocol says. */
function plainBoundaries(octets: Buffer): Boundaries {
  const messages: string[] = []
  let begun = 0
  let at = 0
  let refusedOctets = 0
  while (octets.length - at >= PREFIX_OCTETS) {
    const length = octets.readUInt32BE(at + 1)
    begun++
    if (length > MESSAGE_OCTETS_MAX && refusedOctets === 0) refusedOctets = length
    if (at + PREFIX_OCTETS + length > octets.length)
      return { messages, begun, isAtBoundary: false, refusedOctets }
    const message = octets.toString("latin1", at + PREFIX_OCTETS, at + PREFIX_OCTETS + length)
    if (refusedOctets === 0) messages.push(`${octets[at]} ${message}`)
    at += PREFIX_OCTETS + length
  }
  return { messages, begun, isAtBoundary: at === octets.length, refusedOctets }
}

function boundaries(octets: Buffer, pieces: readonly Buffer[]): void {
  const expected = plainBoundaries(octets)
  const scanner = new MessageScanner()
  let begun = 0
  const messages: string[] = []
  const splitter = new MessageSplitter(MESSAGE_OCTETS_MAX, (flags, message) =>
    messages.push(`${flags} ${message.toString("latin1")}`),
  )
  let fits = true
  for (const piece of pieces) {
    begun += scanner.scan(piece, 0, piece.length)
    fits = fits && splitter.push(piece, 0, piece.length)
    assert(splitter.heldOctets <= MESSAGE_OCTETS_MAX)
  }
  assert.equal(begun, expected.begun, "messages begun")
  const whole = expected.isAtBoundary ? expected.begun : -1
  assert.equal(countWhole(octets, 0, octets.length), whole, "messages, when all are whole")
  assert.equal(scanner.isAtBoundary, expected.isAtBoundary, "at a boundary")
  assert.deepEqual(messages, expected.messages)
  assert.equal(splitter.refusedOctets, expected.refusedOctets)
  if (fits) assert.equal(splitter.isAtBoundary, expected.isAtBoundary)
}

/** Encodings one after another, each of whole groups of four, the last perhaps without its padding. */
function plainBase64(text: string): Buffer | null {
  if (!/^(?:[\w+/-]{4}|[\w+/-]{3}=|[\w+/-]{2}==)*(?:[\w+/-]{2,3}=?)?$/.test(text)) return null
  const groups = text.match(/.{1,4}/g) ?? []
  return Buffer.concat(groups.map((group) => Buffer.from(group, "base64")))
}

function base64(octets: Buffer, pieces: readonly Buffer[]): void {
  const decoder = new Base64Decoder()
  const decoded: Buffer[] = []
  let isBase64 = true
  for (const piece of pieces) {
    const some: Buffer | null = isBase64 ? decoder.decode(piece, 0, piece.length) : null
    isBase64 = some !== null
    decoded.push(some ?? Buffer.alloc(0))
  }
  const rest = isBase64 ? decoder.finish() : null
  const expected = plainBase64(octets.toString("latin1"))
  assert.equal(rest !== null, expected !== null, "whether it is base64")
  if (expected !== null) assert.deepEqual(Buffer.concat([...decoded, rest!]), expected)
}

/** What locations are matched against has nothing left in it to resolve. */
function path(text: string): void {
  const uri = normalizeUri(text)
  // No head with a NUL in its path gets this far.
  if (uri === null || !text.startsWith("/") || text.includes("\0")) return
  assert(uri.startsWith("/"))
  const isRaw = !/%|\/[./]/.test(text.split(/[?#]/, 1)[0]!)
  if (!isRaw) assert(!/\/\/|\/\.\.?(?:\/|$)|\0/.test(uri), `${JSON.stringify(uri)} has something to resolve`)
}
