import { seededRandom } from "../../../src/base/random.ts"
import * as dsl from "../../support/frame-dsl.ts"
import { randomly } from "../../support/memory-link.ts"
import type { Target } from "../engine/target.ts"
import { FRAMES } from "../frame-corpus.ts"
import { runEdge } from "../oracles/edge.ts"
import { saying } from "../oracles/peers.ts"
import { message, REQUESTS } from "../requests.ts"
import { mutateFrames } from "./frames.ts"

const WAITS = 0x40
const HEAD_OCTETS = 2
/** An endpoint is connected to again and again, and says the same each time: more pieces would be more of the same. */
const PIECES = 64

/** A whole balancer, asked in each protocol, whose backend says whatever it likes. */
export const upstream: Target = {
  steps: { base: 50_000, perOctet: 1000 },
  *seeds() {
    for (let request = 0; request < REQUESTS.length; request++)
      for (const answer of ANSWERS)
        yield Buffer.concat([Buffer.from([request, 0]), dsl.settings(), dsl.settingsAck(), ...answer])
    for (const answer of ANSWERS)
      yield Buffer.concat([Buffer.from([0, WAITS | 3]), dsl.settings(), ...answer])
    for (const frame of FRAMES) yield Buffer.concat([Buffer.from([0, 0]), dsl.settings(), frame])
  },
  mutate: (octets, material) =>
    Buffer.concat([
      octets.subarray(0, HEAD_OCTETS),
      mutateFrames(octets.subarray(HEAD_OCTETS), { ...material, other: material.other.subarray(1) }),
    ]),
  run(input) {
    const request = REQUESTS[(input[0] ?? 0) % REQUESTS.length]!
    const options = input[1] ?? 0
    const octets = input.subarray(HEAD_OCTETS)
    const cut = options & (WAITS - 1)
    const largest = Math.max(2 * cut, Math.ceil((2 * octets.length) / PIECES))
    const pieces = cut === 0 ? [octets] : randomly(seededRandom(cut), largest)(octets)
    return runEdge({ client: saying([request]), backend: saying(pieces), waits: (options & WAITS) !== 0 })
  },
}

const head = dsl.headers(1, dsl.response)
const end = dsl.headers(1, dsl.okTrailers, { endStream: true })
const failed = dsl.withFields(dsl.response, {
  "grpc-status": "9",
  "grpc-message": "no%3A %E4%B8%8D",
  "grpc-status-details-bin": "CAkSAm5vGg0KA3QveBIGCgRhYWFh",
})

const ANSWERS: readonly (readonly Buffer[])[] = [
  [head, dsl.data(1, message), end],
  [
    dsl.headers(1, [[":status", "103"]]),
    head,
    dsl.data(1, message.subarray(0, 6)),
    dsl.data(1, message.subarray(6)),
    end,
  ],
  [dsl.headers(1, failed, { endStream: true })],
  [
    dsl.headers(1, [
      [":status", "200"],
      ["content-type", "text/html"],
    ]),
    dsl.data(1, "<p>", { endStream: true }),
  ],
  [dsl.headers(1, [[":status", "503"]], { endStream: true })],
  [head, dsl.data(1, Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]), { endStream: true })],
  [head, dsl.data(1, Buffer.from([1, 0, 0, 0, 1, 0])), dsl.rstStream(1, 7)],
  // How a call ended, said with bad manners.
  [dsl.headers(1, [...failed, ["content-length", "12"]], { endStream: true })],
  [dsl.headers(1, failed), dsl.data(1, "", { endStream: true })],
  [
    head,
    dsl.data(1, message, { padding: 255 }),
    dsl.headers(
      1,
      [
        ["grpc-status", "5 "],
        ["grpc-message", "not\nfound\t"],
        ["connection", "close"],
      ],
      { endStream: true },
    ),
  ],
  [dsl.rstStream(1, 7)],
  [dsl.goaway(0)],
  [dsl.settings({ MAX_CONCURRENT_STREAMS: 0, INITIAL_WINDOW_SIZE: 1 })],
]
