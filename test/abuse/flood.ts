import { setImmediate as nextTurn } from "node:timers/promises"
import type { Sight, Stage } from "./attack.ts"
import type { Peer } from "./peer.ts"
import { errorName } from "./wire.ts"

export interface Flood {
  /** The octets of the `i`th blow: one frame or a few. */
  blow: (i: number) => Uint8Array
  /** Frames in one blow; 1 by default. */
  framesPerBlow?: number
  /** Never more than this. */
  blowsMax: number
  /** Blows between two looks at what came back; 16 by default. */
  batch?: number
}

const TIME_MAX_MS = 2500
/** The first batches go out so slowly that the answer to one is seen before the next; then at full speed. */
const SLOW_BATCHES = 200
const SLOW_MS = 2
const PAUSE_MS = 700
const SETTLE_MS = 300

/** Sends blow after blow until the target ends it, reads no more, or the bounds of the suite are reached. */
export async function flood(peer: Peer, stage: Pick<Stage, "reading">, options: Flood): Promise<Sight> {
  const { blow, blowsMax, framesPerBlow = 1, batch = 16 } = options
  const startMs = performance.now()
  const startOctets = peer.octetsSent
  const resetsBefore = peer.resets.size
  let sent = 0
  let batches = 0
  let paused = false
  if (!stage.reading) peer.stopReading()
  while (sent < blowsMax && !peer.over && !paused && performance.now() - startMs < TIME_MAX_MS) {
    const blows: Uint8Array[] = []
    for (let i = 0; i < batch && sent < blowsMax; i++) blows.push(blow(sent++))
    if (!peer.send(...blows)) paused = !(await drained(peer))
    if (stage.reading && batches++ < SLOW_BATCHES) await peer.until(() => peer.over, SLOW_MS)
    else await nextTurn()
  }
  const ms = performance.now() - startMs
  if (!paused) await peer.until(() => peer.over, SETTLE_MS)
  // What came back and was not read may hold the GOAWAY.
  if (!stage.reading && !peer.closed) {
    peer.resumeReading()
    await peer.until(() => peer.over, SETTLE_MS)
  }
  return {
    ...endOf(peer, paused, resetsBefore),
    frames: sent * framesPerBlow,
    octets: peer.octetsSent - startOctets,
    ms: Math.round(ms),
    note: "",
    wrong: [],
  }
}

async function drained(peer: Peer): Promise<boolean> {
  if (peer.socket.writableLength === 0) return true
  return await new Promise((resolve) => {
    const done = (answer: boolean) => {
      clearTimeout(timer)
      peer.socket.off("drain", yes).off("close", yes)
      resolve(answer)
    }
    const yes = () => done(true)
    const timer = setTimeout(done, PAUSE_MS, false)
    peer.socket.once("drain", yes).once("close", yes)
  })
}

/** How the connection stands: ended by GOAWAY, closed, no longer read, streams reset, or open. */
export function endOf(peer: Peer, paused = false, resetsBefore = 0): Pick<Sight, "end" | "code"> {
  if (peer.goaway !== null) return { end: "GOAWAY", code: errorName(peer.goaway.code) }
  if (peer.closed) return { end: "close", code: "" }
  if (paused) return { end: "pause", code: "" }
  if (peer.resets.size > resetsBefore)
    return { end: "reset", code: errorName([...peer.resets.values()].at(-1)!) }
  return { end: "open", code: "" }
}
