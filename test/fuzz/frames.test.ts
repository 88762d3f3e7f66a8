/**
 * Hostile frames. Sequences of valid frames, mutated, and of octets at random go into a connection of either role, once
 * in one piece and once cut anywhere. It must not throw; must say the same both times; must tell each stream no more
 * than one ending, and nothing after it; must answer with well-formed frames, in proportion to what came; and must
 * either end with GOAWAY or go on and answer a PING.
 *
 * FUZZ_RUNS (default 20,000) is the number of cases, each in both roles. FUZZ_SEED repeats a run: its seed is printed.
 */
import fc from "fast-check"
import { expect, test } from "vitest"
import { seededRandom } from "../../src/base/random.ts"
import { FrameType } from "../../src/http2/frame/types.ts"
import * as dsl from "../support/frame-dsl.ts"
import { randomly } from "../support/memory-link.ts"
import { FRAMES } from "./frame-corpus.ts"
import { receive } from "./oracles/receiving.ts"

const numRuns = Number(process.env.FUZZ_RUNS ?? 20_000)
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
const TIMEOUT_MS = 60_000 + numRuns * 3

interface Step {
  readonly frame: number
  readonly mutation: "none" | "octet" | "cut" | "type" | "flags" | "stream" | "length" | "twice" | "noise"
  readonly at: number
  readonly value: number
}

const step: fc.Arbitrary<Step> = fc.record({
  frame: fc.nat(FRAMES.length - 1),
  mutation: fc.oneof(
    { weight: 3, arbitrary: fc.constant("none" as const) },
    fc.constantFrom(...(["octet", "cut", "type", "flags", "stream", "length", "twice", "noise"] as const)),
  ),
  at: fc.nat(200),
  value: fc.nat(255),
})

function octetsOf({ frame, mutation, at, value }: Step): Buffer {
  const octets = Buffer.from(FRAMES[frame]!)
  switch (mutation) {
    case "none":
      return octets
    case "octet":
      octets[at % octets.length] = value
      return octets
    case "cut":
      return octets.subarray(0, at % octets.length)
    case "type":
      octets[3] = value % 12
      return octets
    case "flags":
      octets[4] = value
      return octets
    case "stream":
      octets.writeUInt32BE(value % 8, 5)
      return octets
    case "length":
      octets.writeUIntBE(Math.max(0, octets.length - 9 + (value % 16) - 8), 0, 3)
      return octets
    case "twice":
      return Buffer.concat([octets, octets])
    case "noise":
      return Buffer.from(Array.from({ length: at }, (_, i) => (value * 31 + i * i * 7 + (i >> 3)) & 0xff))
  }
}

/** Whether the reader can be in the middle of a frame or block afterwards. */
const isWhole = (steps: readonly Step[]): boolean =>
  steps.every(({ mutation }) => ["none", "flags", "stream", "type", "twice"].includes(mutation))

test(
  `frames at random (FUZZ_SEED=${seed} FUZZ_RUNS=${numRuns})`,
  () => {
    console.log(`FUZZ_SEED=${seed} FUZZ_RUNS=${numRuns}`)
    let closed = 0
    let alive = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), fc.nat(), (steps, splitSeed) => {
        const octets = Buffer.concat(steps.map(octetsOf))
        const split = randomly(seededRandom(splitSeed), 40)
        for (const role of ["server", "client"] as const) {
          const { lab, outcome } = receive(role, octets, [octets])
          const { outcome: again } = receive(role, octets, split(octets))
          // DATA that comes in pieces is handed on whole: reads make no difference.
          expect(again).toEqual(outcome)
          if (lab.connection.isClosed) closed++
          else if (isWhole(steps)) {
            lab.send(dsl.ping("are you?"))
            const said = lab.frames()
            const isAnswered = said.some(({ type, flags }) => type === FrameType.PING && flags === 1)
            // An open header block takes no PING: that ends it.
            expect(isAnswered || lab.connection.isClosed).toBe(true)
            alive++
          }
        }
      }),
      { numRuns, seed },
    )
    // The cases are worth something: many connections live through them, and many do not.
    expect(Math.min(closed, alive)).toBeGreaterThan(numRuns / 20)
  },
  TIMEOUT_MS,
)
