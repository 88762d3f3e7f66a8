import assert from "node:assert/strict"
import { isDeepStrictEqual } from "node:util"
import { type Random, seededRandom } from "../../../src/base/random.ts"
import { FrameType } from "../../../src/http2/frame/types.ts"
import * as dsl from "../../support/frame-dsl.ts"
import { randomly } from "../../support/memory-link.ts"
import { type Material, mutateOctets, pick, upTo } from "../engine/mutate.ts"
import type { Target } from "../engine/target.ts"
import { FRAMES } from "../frame-corpus.ts"
import { receive } from "../oracles/receiving.ts"

const HEAD_OCTETS = 9
const IS_CLIENT = 0x80

/**
 * A connection of either role under frames. What came in one read and what came cut anywhere must make no difference;
 * and a connection that has not ended answers a PING, unless it is in the middle of a frame.
 */
export const frames: Target = {
  steps: { base: 60_000, perOctet: 400 },
  *seeds() {
    for (const frame of FRAMES)
      for (const options of [0, IS_CLIENT]) yield Buffer.concat([Buffer.from([options]), frame])
  },
  mutate: (octets, material) =>
    Buffer.concat([octets.subarray(0, 1), mutateFrames(octets.subarray(1), material)]),
  run(input) {
    const options = input[0] ?? 0
    const octets = input.subarray(1)
    const role = (options & IS_CLIENT) !== 0 ? "client" : "server"
    const { lab, outcome } = receive(role, octets, [octets])
    const { outcome: again } = receive(role, octets, randomly(seededRandom(options), 40)(octets))
    // How many DATA frames credit makes, and so how much more of it is too much, depends on how it is read.
    const isFlood = [again, outcome].some(({ limits }) => limits.includes("window_update_flood"))
    if (!isFlood && !isDeepStrictEqual(again, outcome))
      assert.deepEqual(again, outcome, "reads make a difference")
    if (lab.connection.isClosed || !isWhole(octets)) return
    lab.send(dsl.ping("are you?"))
    const isAnswered = lab.frames().some(({ type, flags }) => type === FrameType.PING && flags === 1)
    assert(isAnswered || lab.connection.isClosed, "a PING is not answered")
  },
}

/** Whether the octets end where a frame does. */
function isWhole(octets: Buffer): boolean {
  let at = 0
  while (at + HEAD_OCTETS <= octets.length) at += HEAD_OCTETS + octets.readUIntBE(at, 3)
  return at === octets.length
}

/** Changes whole frames, or what is in one, whose length is set right. */
export function mutateFrames(octets: Buffer, material: Material): Buffer {
  const { random, other } = material
  let all = framesOf(octets)
  const times = 1 << upTo(random, 4)
  for (let i = 0; i < times; i++) {
    const at = upTo(random, all.length + 1)
    const chance = random()
    if (chance < 0.35) all.splice(at, 0, pick(random, FRAMES))
    else if (chance < 0.45) all.splice(at, 0, ...framesOf(other.subarray(1)).slice(0, 4))
    else if (chance < 0.55) all.splice(at, 1)
    else if (all[at] !== undefined) all.splice(at, 1, ...changed(all[at], material))
    all = all.slice(0, 200)
  }
  return Buffer.concat(all)
}

function changed(frame: Buffer, material: Material): Buffer[] {
  const { random } = material
  if (frame.length < HEAD_OCTETS) return [frame]
  const copy = Buffer.from(frame)
  const chance = random()
  if (chance < 0.1) return [copy, ...Array.from({ length: upTo(random, 30) }, () => copy)]
  if (chance < 0.2) copy[3] = upTo(random, 18)
  else if (chance < 0.4) copy[4] = changeFlags(copy[4]!, random)
  else if (chance < 0.6) copy.writeUInt32BE(pick(random, [0, 1, 2, 3, 5, 7, 2 ** 31 - 1, 2 ** 32 - 1]), 5)
  else return [withPayload(copy, mutateOctets(copy.subarray(HEAD_OCTETS), material))]
  return [copy]
}

const changeFlags = (flags: number, random: Random): number => flags ^ (1 << upTo(random, 8))

function withPayload(frame: Buffer, payload: Buffer): Buffer {
  frame.writeUIntBE(payload.length, 0, 3)
  return Buffer.concat([frame.subarray(0, HEAD_OCTETS), payload])
}

function framesOf(octets: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < octets.length; ) {
    const length = octets.length - at < HEAD_OCTETS ? 0 : octets.readUIntBE(at, 3)
    found.push(octets.subarray(at, at + HEAD_OCTETS + length))
    at += HEAD_OCTETS + length
  }
  return found
}
