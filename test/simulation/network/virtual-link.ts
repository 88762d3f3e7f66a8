import type { Random } from "../../../src/base/random.ts"
import type { OnOctets } from "../../../src/net/shared-read.ts"
import { type Conditions, Pipe } from "./pipe.ts"
import type { Scheduler } from "./scheduler.ts"
import { VirtualSocket } from "./virtual-socket.ts"

/** The far end of a virtual connection: a client's or a backend's. */
export interface LineUser {
  onConnected(): void
  onOctets(octets: Buffer, length: number): void
  /** The balancer closed its side, or reset the connection. Called once. */
  onGone(): void
}

/** Sees every octet at the balancer's end, in the order of writing and of reading. */
export interface WireTap {
  /** The balancer wrote. */
  onWritten(octets: Buffer): void
  /** The peer wrote. */
  onPeerWritten(octets: Buffer): void
  /** The balancer reads so many of the peer's octets now. */
  onRead(octets: number): void
  onMisuse(what: string): void
  /** The peer breaks the protocol from here on. */
  forgive(): void
}

/** One virtual TCP connection, the balancer's socket at one end and a peer at the other. */
export class VirtualLink {
  readonly name: string
  readonly socket: VirtualSocket
  readonly #scheduler: Scheduler
  readonly #toPeer: Pipe
  readonly #toBalancer: Pipe
  readonly #tap: WireTap
  readonly #onClosed: (link: VirtualLink) => void
  #user: LineUser | null = null
  #isPeerEnded = false
  #isGone = false
  /** A partition: neither end hears of the other again. */
  isSilent = false

  constructor(options: {
    name: string
    scheduler: Scheduler
    conditions: Conditions
    random: Random
    remote: { address: string; port: number }
    onOctets: OnOctets
    tap: WireTap
    onClosed(link: VirtualLink): void
  }) {
    const { name, scheduler, conditions, random, remote, onOctets, tap } = options
    this.name = name
    this.#scheduler = scheduler
    this.#tap = tap
    this.#onClosed = options.onClosed
    this.socket = new VirtualSocket(scheduler, remote, onOctets, {
      onWritten: (octets) => tap.onWritten(octets),
      onRead: (octets) => tap.onRead(octets),
      onMisuse: (what) => tap.onMisuse(what),
      onDestroyed: () => this.#socketDestroyed(),
    })
    this.#toPeer = new Pipe(scheduler, conditions, random, {
      onOctets: (octets, length) => this.#user?.onOctets(octets, length),
      onEnd: () => this.#gone(),
    })
    this.#toBalancer = new Pipe(scheduler, conditions, random, this.socket)
    this.socket.attach(this.#toPeer, this.#toBalancer)
  }

  /** What the balancer's socket has been given and could not pass on. */
  get waitingOctets(): number {
    return this.#toPeer.waitingOctets
  }

  /** The connection is made, `user` at its far end. */
  connected(user: LineUser): void {
    this.#user = user
    this.#toPeer.open()
    this.#toBalancer.open()
    user.onConnected()
  }

  /** The connection is refused. */
  refused(): void {
    this.socket.destroy(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }))
  }

  // ---- The peer's end -----------------------------------------------------------------------------------------

  write(octets: Buffer): void {
    if (this.#isPeerEnded || this.#isGone || octets.length === 0) return
    this.#tap.onPeerWritten(octets)
    this.#toBalancer.write(octets, () => {})
  }

  /** The peer stops reading, so that the kernels fill up. */
  pauseReading(): void {
    this.#toPeer.pause()
  }

  resumeReading(): void {
    this.#toPeer.resume()
  }

  /** The peer closes its side. */
  end(): void {
    if (this.#isPeerEnded) return
    this.#isPeerEnded = true
    this.#toBalancer.end()
  }

  /** The connection breaks: both ends are told, and what was under way is lost. */
  reset(): void {
    this.#toBalancer.break()
    for (const onSent of this.#toPeer.break()) this.#scheduler.in(0, onSent)
    if (!this.isSilent) this.socket.destroy(Object.assign(new Error("reset"), { code: "ECONNRESET" }))
    this.#gone()
  }

  /** From now on nothing arrives anywhere. */
  silence(): void {
    this.isSilent = true
    this.#toPeer.freeze()
    this.#toBalancer.freeze()
  }

  /** What the peer does from now on is its own fault, and what the balancer makes of it its own affair. */
  forgive(): void {
    this.#tap.forgive()
  }

  // ---- Endings ------------------------------------------------------------------------------------------------

  #socketDestroyed(): void {
    const hasUnread = this.#toBalancer.carriedOctets > 0
    this.#toBalancer.break()
    // With octets unread a kernel resets; without, it closes once what was written has arrived.
    if (hasUnread) {
      this.#toPeer.break()
      if (!this.isSilent) this.#scheduler.in(0, () => this.#gone())
    } else this.#toPeer.end()
    this.#onClosed(this)
  }

  #gone(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#user?.onGone()
  }
}
