import { Violation } from "../violation.ts"
import type { ContinuedCallPlan } from "./plan.ts"

/** A length-prefixed message that says whose it is and which. */
function message(call: number, index: number, direction: number, octets: number): Buffer {
  const all = Buffer.alloc(5 + 8 + octets, (call * 31 + index * 7 + direction) % 251)
  all[0] = 0
  all.writeUInt32BE(8 + octets, 1)
  all.writeUInt16BE(call, 5)
  all.writeUInt32BE(index, 7)
  all.writeUInt16BE(direction, 11)
  return all
}

/** What a client sends as its message `index`, from 1. */
export function questionOf(plan: ContinuedCallPlan, index: number): Buffer {
  return message(plan.id, index, 1, plan.messages[index - 1]!.octets)
}

/** What the model server answers it with. */
export function answerOf(plan: ContinuedCallPlan, index: number): Buffer {
  return message(plan.id, index, 2, plan.answerOctets)
}

interface Session {
  received: number
  leg: number
  /** The most messages that a backend has said it has, and the proxy has gone on from. */
  heard: number
}

/** What all backends of a run share: a store that fences by leg number, and counts effects. */
export class ModelStore {
  readonly #sessions = new Map<string, Session>()
  /** It says fewer messages than it has been heard to say before, which no proxy may believe. */
  countsTooLow = false

  begin(session: string, leg: number): Session | null {
    const known = this.#sessions.get(session)
    if (known !== undefined && known.leg >= leg) return null
    this.#sessions.set(session, { received: 0, leg, heard: 0 })
    return { received: 0, leg, heard: 0 }
  }

  take(session: string, leg: number): Session | null {
    const known = this.#sessions.get(session)
    if (known === undefined || known.leg >= leg) return null
    known.leg = leg
    return { ...known }
  }

  isOf(session: string, leg: number): boolean {
    return this.#sessions.get(session)?.leg === leg
  }

  /** What is told the proxy. */
  says(session: string): number {
    const known = this.#sessions.get(session)
    if (known === undefined) return 0
    return this.countsTooLow && known.heard > 0 ? known.heard - 1 : known.received
  }

  /** The proxy has gone on from what it was told. */
  heard(session: string, received: number): void {
    const known = this.#sessions.get(session)
    if (known !== undefined) known.heard = Math.max(known.heard, received)
  }

  /** False: a later leg has it. Throws where a message would have its effect twice. */
  write(session: string, leg: number, message: number): boolean {
    const known = this.#sessions.get(session)
    if (known === undefined || known.leg !== leg) return false
    if (message !== known.received + 1)
      throw new Violation("processed twice", `message ${message} of ${session} after ${known.received}`)
    known.received = message
    return true
  }

  forget(): void {
    this.#sessions.clear()
  }
}

/** Cuts what comes into messages, and holds each against what it must be. */
export class MessageReader {
  #held = Buffer.alloc(0)

  push(octets: Buffer, start: number, end: number): void {
    this.#held = Buffer.concat([this.#held, octets.subarray(start, end)])
  }

  /** The next whole message; null: none is here. */
  next(): Buffer | null {
    if (this.#held.length < 5) return null
    const length = 5 + this.#held.readUInt32BE(1)
    if (this.#held.length < length) return null
    const one = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return one
  }

  get isBetween(): boolean {
    return this.#held.length === 0
  }
}

/** `17` of a message of a call, as it says itself. */
export function indexOf(message: Buffer): number {
  return message.readUInt32BE(7)
}
