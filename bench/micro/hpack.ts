/**
 * What HPACK costs per block, in steady state: `node bench/micro/hpack.ts`.
 *
 * Each row is the median of rounds taken in turn with the other rows, in nanoseconds per call of `decode` or `encode`.
 * "Remembered" blocks repeat; "varying" ones have a grpc-timeout of their own, as the calls of a client with deadlines do.
 */

import { HeaderList } from "../../src/http2/header-list.ts"
import { HpackDecoder, HpackEncoder } from "../../src/http2/hpack/index.ts"

const LIMITS = { maxFields: 128, maxOctets: 65_536 }
const BLOCKS = 512
const CALLS_PER_ROUND = 100_000
const ROUNDS = 15

const REQUEST = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/helloworld.Greeter/SayHello"],
  [":authority", "greeter.example.com:443"],
  ["content-type", "application/grpc"],
  ["user-agent", "grpc-go/1.76.0"],
  ["te", "trailers"],
  ["grpc-accept-encoding", "gzip"],
  ["x-tenant", "blue"],
]
const RESPONSE = [
  [":status", "200"],
  ["content-type", "application/grpc"],
]
const TRAILERS = [
  ["grpc-status", "0"],
  ["grpc-message", ""],
]

interface Row {
  name: string
  run: (call: number) => unknown
  samplesNs: number[]
}

/** A fresh copy: strings of their own, as they come off the wire. */
function list(fields: string[][]): HeaderList {
  return new HeaderList(fields.flat().map((text) => Buffer.from(text, "latin1").toString("latin1")))
}

function withTimeout(fields: string[][], call: number): HeaderList {
  return list([...fields, ["grpc-timeout", `${4_000_000 + call * 997}u`]])
}

/** Decoding of blocks that an encoder in steady state makes. */
function decoding(name: string, make: (call: number) => HeaderList): Row {
  const encoder = new HpackEncoder()
  const decoder = new HpackDecoder()
  const take = (call: number) => {
    const block = encoder.encode(make(call)).slice()
    decoder.decode(block, 0, block.length, LIMITS)
    return block
  }
  take(0)
  const blocks = Array.from({ length: BLOCKS }, (_, call) => take(call))
  const run = (call: number) => {
    const block = blocks[call % BLOCKS]!
    return decoder.decode(block, 0, block.length, LIMITS)
  }
  return { name: `decode ${name} (${blocks[1]!.length} octets)`, run, samplesNs: [] }
}

function encoding(name: string, lists: HeaderList[]): Row {
  const encoder = new HpackEncoder()
  return { name: `encode ${name}`, run: (call) => encoder.encode(lists[call % lists.length]!), samplesNs: [] }
}

/** Decode and encode again, as the relay does. */
function relaying(name: string, make: (call: number) => HeaderList): Row {
  const encoder = new HpackEncoder()
  const decode = decoding(name, make).run
  return {
    name: `relay ${name}`,
    run: (call) => encoder.encode(decode(call) as HeaderList),
    samplesNs: [],
  }
}

const request = list(REQUEST)
const rows: Row[] = [
  decoding("request, remembered", () => request),
  decoding("request, varying", (call) => withTimeout(REQUEST, call)),
  decoding("response, remembered", () => list(RESPONSE)),
  decoding("trailers, remembered", () => list(TRAILERS)),
  encoding("request, remembered", [request]),
  encoding(
    "request, new list each call",
    Array.from({ length: BLOCKS }, () => list(REQUEST)),
  ),
  encoding(
    "request, varying",
    Array.from({ length: BLOCKS }, (_, call) => withTimeout(REQUEST, call)),
  ),
  relaying("request, remembered", () => request),
  relaying("request, varying", (call) => withTimeout(REQUEST, call)),
]

for (let round = 0; round < ROUNDS; round++) {
  for (const row of rows) {
    const start = performance.now()
    for (let call = 0; call < CALLS_PER_ROUND; call++) row.run(call)
    row.samplesNs.push(((performance.now() - start) * 1e6) / CALLS_PER_ROUND)
  }
}
for (const { name, samplesNs } of rows) {
  samplesNs.sort((a, b) => a - b)
  const [least, median] = [samplesNs[0]!, samplesNs[ROUNDS >> 1]!]
  console.log(`${name.padEnd(44)} ${median.toFixed(0).padStart(6)} ns  (least ${least.toFixed(0)})`)
}
