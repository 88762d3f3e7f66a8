import { Violation } from "../violation.ts"
import type { ContinuedCallPlan } from "./plan.ts"

const NO_OCTETS = Buffer.alloc(0)
/** The fields of a message of an API with resume tokens: what it says, and the token, of answers and of questions. */
const BODY = 1
const FROM = 4
const INTO = 6

function framed(octets: Buffer): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(octets.length, 1)
  return Buffer.concat([prefix, octets])
}

/** What a message says: whose it is, which, and which way it goes. */
function body(call: number, index: number, direction: number, octets: number): Buffer {
  const all = Buffer.alloc(8 + octets, (call * 31 + index * 7 + direction) % 251)
  all.writeUInt16BE(call, 0)
  all.writeUInt32BE(index, 2)
  all.writeUInt16BE(direction, 6)
  return all
}

/** A field of octets. Its length always has three octets: no parser may mind. */
function field(number: number, octets: Buffer): Buffer {
  const length = [(octets.length & 0x7f) | 0x80, ((octets.length >> 7) & 0x7f) | 0x80, octets.length >> 14]
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), octets])
}

const BODY_AT = 5 + 4

/** What a client sends as its message `index`, from 1. */
export function questionOf(plan: ContinuedCallPlan, index: number): Buffer {
  const said = body(plan.id, index, 1, plan.messages[index - 1]!.octets)
  return framed(plan.tokenEvery === null ? said : field(BODY, said))
}

/** The same with a resume token in it, as text: what comes of it first; null: it is none. */
export function tokenOf(plan: ContinuedCallPlan, question: Buffer): number | null {
  const plain = questionOf(plan, 1)
  const rest = question.subarray(plain.length)
  if (!question.subarray(5, plain.length).equals(plain.subarray(5))) return null
  if (rest.length === 0) return 0
  const isToken = rest[0] === INTO * 8 + 2 && rest[1] === rest.length - 2
  return isToken ? Number(rest.toString("latin1", 2)) : null
}

/** What the model server answers it with. `variant`: servers that do not answer alike. */
export function answerOf(plan: ContinuedCallPlan, index: number, variant = 0): Buffer {
  const said = body(plan.id, index, 2 + variant, plan.answerOctets)
  const { tokenEvery } = plan
  if (tokenEvery === null) return framed(said)
  const hasToken = index % tokenEvery === 0
  return framed(
    Buffer.concat([field(BODY, said), hasToken ? field(FROM, Buffer.from(String(index))) : NO_OCTETS]),
  )
}

/** Of an answer. */
export function variantOf(plan: ContinuedCallPlan, answer: Buffer): number {
  return answer.readUInt16BE((plan.tokenEvery === null ? 5 : BODY_AT) + 6) - 2
}

/** Messages that its client sends: of an API with resume tokens one, which asks for all answers. */
export function questionsOf({ tokenEvery, messages }: ContinuedCallPlan): number {
  return tokenEvery === null ? messages.length : Math.min(1, messages.length)
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
export function indexOf(plan: ContinuedCallPlan, message: Buffer): number {
  return message.readUInt32BE((plan.tokenEvery === null ? 5 : BODY_AT) + 2)
}
