import { Metadata } from "@grpc/grpc-js"

/**
 * One leg of a conversation that outlives its server: docs/stream-continuity.md. All that a conversation is can be said
 * again from what was said in it, so its state is its token: how many inputs are in it, and how many outputs they made.
 */
export class ChatLeg {
  #received: number
  #outputs: number
  /** Outputs that the client has of inputs which come again. */
  #had: number
  readonly #isLater: boolean

  private constructor(received: number, outputs: number, had: number, isLater: boolean) {
    this.#received = received
    this.#outputs = outputs
    this.#had = had
    this.#isLater = isLater
  }

  /** Null: no proxy asks for it. A text: why the conversation cannot go on here. */
  static of(metadata: Metadata): ChatLeg | string | null {
    const said = (name: string): string | undefined => metadata.get(`continuity-${name}`)[0]?.toString()
    if (said("offer") === undefined) return null
    const delivered = said("delivered")
    if (delivered === undefined) return new ChatLeg(0, 0, 0, false)
    const [, received, outputs] = /^chat-(\d{1,15})-(\d{1,15})$/.exec(said("session") ?? "") ?? []
    if (received === undefined) return "no such session"
    const had = Number(delivered) - Number(outputs)
    if (had < 0) return "outputs are missing"
    if (Number(said("holds")) > Number(received) + 1) return "inputs are missing"
    return new ChatLeg(Number(received), Number(outputs), had, true)
  }

  get #session(): string {
    return `chat-${this.#received}-${this.#outputs}`
  }

  /** What goes into initial metadata. */
  accept(metadata: Metadata): void {
    metadata.set("continuity-accept", "handoff, resume")
    metadata.set("continuity-session", this.#session)
    if (this.#isLater) metadata.set("continuity-received", String(this.#received))
  }

  /** An input was answered: those of its outputs that the client does not have. */
  answered(outputs: readonly string[]): readonly string[] {
    const had = Math.min(this.#had, outputs.length)
    this.#had -= had
    this.#received++
    this.#outputs += outputs.length
    return outputs.slice(had)
  }

  /** The trailers of a handoff; null while outputs that the client has are still made again. */
  handOff(): Metadata | null {
    if (this.#had > 0) return null
    const trailers = new Metadata()
    trailers.set("continuity-handoff", this.#session)
    trailers.set("continuity-received", String(this.#received))
    return trailers
  }
}

/** Why a conversation cannot go on, for the proxy. */
export function refusal(reason: string): Metadata {
  const trailers = new Metadata()
  trailers.set("continuity-refuse", reason)
  return trailers
}
