import { createHash } from "node:crypto"
import { makePlan } from "./generate.ts"
import type { Mutation } from "./mutation.ts"
import { loadCopy, loadMutant } from "./subject.ts"
import type { Frame } from "./wire/frame-scanner.ts"
import type { Witness } from "./witness.ts"
import { run, type Subject } from "./world.ts"

/** The balancer without the code of continuity: it is not even loaded, and to need it would throw. */
const WITHOUT: Mutation = {
  name: "without-continuity",
  bug: "no stream outlives its backend",
  file: "relay/call/call.ts",
  find: 'import { Continuity } from "./continuity/continuity.ts"',
  replace: 'import type { Continuity } from "./continuity/continuity.ts"',
}

/** A running hash of every frame that crosses the balancer's sockets, with when and where it does. */
class Octets implements Witness {
  readonly hash = createHash("sha256")
  frames = 0

  frame(atMs: number, link: string, fromBalancer: boolean, { type, flags, id, payload }: Frame): void {
    this.frames++
    this.hash.update(`${atMs} ${link} ${fromBalancer} ${type} ${flags} ${id} `)
    this.hash.update(payload)
  }

  say(): void {}
}

async function octetsOf(seed: number, subject: Subject): Promise<{ digest: string; frames: number }> {
  const octets = new Octets()
  await run(makePlan(seed), subject, octets)
  return { digest: octets.hash.digest("hex"), frames: octets.frames }
}

/**
 * Runs without continuity in their routes, on the balancer as it is and on one without its code: both must send and be
 * sent the same octets at the same moments. `differs`: the first seed where they do not; null: there is none.
 */
export async function compareWithout(
  seed: number,
  runs: number,
): Promise<{ frames: number; differs: number | null }> {
  const subject = await loadCopy("with-continuity")
  const without = await loadMutant(WITHOUT)
  let frames = 0
  for (let at = seed; at < seed + runs; at++) {
    const [one, other] = [await octetsOf(at, subject), await octetsOf(at, without)]
    if (one.digest !== other.digest) return { frames, differs: at }
    frames += one.frames
  }
  return { frames, differs: null }
}
