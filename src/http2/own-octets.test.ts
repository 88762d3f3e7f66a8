import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { expect, test } from "vitest"
import { defaultLimits } from "../base/limits.ts"
import { BufferBudget } from "./buffer-budget.ts"
import { FrameType } from "./frame/types.ts"
import { FrameReader } from "./frame-reader.ts"
import { HeaderBlock } from "./header-block.ts"
import { HeaderList } from "./header-list.ts"
import { BlockMemory, seenKeys } from "./hpack/block-memory.ts"
import { OctetQueue } from "./octet-queue.ts"

const HOLDERS = 300
/** What one may keep outside of the heap. Node's shared blocks are 64 KiB. */
const EACH_OCTETS_MAX = 4096
const octets = Buffer.from("the octets of somebody who takes an hour for the rest")

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

function octetsOutsideOfHeap(): number {
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}

/** Others use up what is left of the shared block, and let it go. */
function useUpSharedBlock(): void {
  for (let used = 0; used < Buffer.poolSize; used += 4000) Buffer.allocUnsafe(4000)
}

const holders: [string, () => unknown][] = [
  [
    "half a frame",
    () => {
      const reader = new FrameReader(16_384, { onFrame: () => true, dataRoom: () => 0 })
      const head = Buffer.from([0, 1, 0, FrameType.HEADERS, 4, 0, 0, 0, 1])
      reader.read(head, 0, head.length)
      return reader
    },
  ],
  [
    "half a header block",
    () => {
      const block = new HeaderBlock(65_536, 8, new BufferBudget(defaultLimits))
      block.begin(1, false, octets, 0, octets.length, 0)
      block.add(octets, 0, octets.length, false)
      return block
    },
  ],
  [
    "octets that wait for credit",
    () => {
      const queue = new OctetQueue()
      queue.push(octets, 0, octets.length)
      return queue
    },
  ],
  [
    "a header block that came twice",
    () => {
      const memory = new BlockMemory(seenKeys())
      for (let times = 0; times < 2; times++) memory.offer(1, octets, 0, octets.length, new HeaderList([]))
      return memory
    },
  ],
]

test.each(holders)("%s keeps no memory but its own", (_, hold) => {
  const held: unknown[] = []
  const before = octetsOutsideOfHeap()
  for (let i = 0; i < HOLDERS; i++) {
    held.push(hold())
    useUpSharedBlock()
  }
  const each = (octetsOutsideOfHeap() - before) / held.length
  expect(each).toBeLessThan(EACH_OCTETS_MAX)
})
