import type { CounterName } from "../../src/base/counters.ts"
import type { Backend } from "./backend.ts"
import type { Peer } from "./peer.ts"

/** One way to hurt a load balancer, and what it means to withstand it. */
export interface Attack {
  /** Kebab-case; `--attack` takes it. */
  name: string
  /** CVE, RFC or gRFC. */
  source: string
  /** One sentence. */
  how: string
  /** Who attacks: a client, or a backend behind an honest client. */
  side: "downstream" | "upstream"
  /** Slow attacks wait for a time limit; they run side by side. */
  pace: "flood" | "slow"
  /** False where the attacker has to read what comes back, so that there is no run without. */
  unread?: boolean
  /** Any one of these has to move when the target is Sluice. Empty: nothing is over a limit. */
  counters: readonly CounterName[]
  bar: Bar
  run(stage: Stage): Promise<Sight>
}

/** What "held" means for one attack, beside the bar that all share: see `judge.ts`. */
export interface Bar {
  /** In words, for the list and the report. */
  held: string
  /** The target has to end the connection, reset or refuse. `pause`: no longer reading from it does as well. */
  end: "must" | "pause" | "may"
  /** Frames or octets it may take before that; the attacker's batch and the socket's buffers are on top. */
  framesMax?: number
  octetsMax?: number
  /** Calls that may reach the backend, and be open there at once. */
  callsMax?: number
  liveMax?: number
  /** Growth of resident memory; what is due to every attack where not set. */
  growthMiBMax?: number
  /** What may be left of it ten seconds after the attacker has gone. */
  leftMiBMax?: number
}

/** Where an attack takes place. */
export interface Stage {
  at: { host: string; port: number }
  backend: Backend
  /** Upstream attacks: the backend behind `/hostile/<attack>/`. */
  hostile: Backend | null
  /** False: the attacker reads nothing once the connection stands. */
  reading: boolean
  /** A connection with SETTINGS exchanged. */
  connect(settings?: (readonly [number, number])[]): Promise<Peer>
}

/** What the attacker saw. */
export interface Sight {
  /** `pause`: the target stopped reading. `refused`: each request was answered with an error. `open`: nothing happened. */
  end: "GOAWAY" | "close" | "pause" | "reset" | "refused" | "open"
  /** Name of the error code with GOAWAY or RST_STREAM. */
  code: string
  frames: number
  octets: number
  ms: number
  /** Details worth a line in the report. */
  note: string
  /** What went wrong beyond the bar; empty when nothing did. */
  wrong: string[]
}
