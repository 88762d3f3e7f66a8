import * as grpc from "@grpc/grpc-js"
import { numberOf, textOf } from "./partial-backend.ts"
import { echoService } from "./test-bed.ts"

const octets = (message: Buffer): Buffer => message

const moveService: grpc.ServiceDefinition = {
  Move: {
    path: "/continuity.v1.Continuity/Move",
    requestStream: false,
    responseStream: false,
    requestSerialize: octets,
    requestDeserialize: octets,
    responseSerialize: octets,
    responseDeserialize: octets,
  },
}

/** The state of one stream of counters: what a client has sent, and how many answers were made. */
interface CounterState {
  /** Client messages in it. */
  received: number
  sum: number
  /** The leg that may write. */
  leg: number
}

/** What the backends of a cluster share: a store that fences by leg number. */
export class CounterStore {
  readonly #states = new Map<string, CounterState>()
  /** Writes of a leg that is not the latest, all refused. */
  fenced = 0

  /** The state of a session, for leg `leg` from now on; null: there is none, or a later leg has it. */
  take(session: string, leg: number): CounterState | null {
    const state = this.#states.get(session)
    if (state === undefined || state.leg > leg) return null
    state.leg = leg
    return { ...state }
  }

  make(session: string, leg: number): CounterState {
    const state = { received: 0, sum: 0, leg }
    this.#states.set(session, state)
    return { ...state }
  }

  /** False: a later leg has the session. */
  write(session: string, state: CounterState): boolean {
    const known = this.#states.get(session)
    if (known === undefined || known.leg > state.leg) {
      this.fenced++
      return false
    }
    this.#states.set(session, { ...state })
    return true
  }
}

export interface CounterOptions {
  readonly name: string
  readonly store: CounterStore
  readonly accept?: string
  /** What a half-close means: the end, or that a handoff is asked for. Default: the end. */
  readonly halfClose?: "end" | "handoff"
  /** What `continuity.v1.Continuity/Move` does: there is none, it hands off, or it agrees and does nothing. */
  readonly move?: "none" | "hands off" | "ignores"
}

/**
 * A backend that knows Stream Continuity: adds up the numbers that a client sends, and answers each with `n:sum`, where
 * `n` counts the answers. State is stored before it is answered.
 */
export class CounterBackend {
  port = 0
  readonly name: string
  /** Heads of legs that came, in order. */
  readonly heads: Record<string, string>[] = []
  #server = new grpc.Server()
  readonly #store: CounterStore
  readonly #accept: string
  readonly #halfClose: "end" | "handoff"
  readonly #calls = new Set<() => void>()
  /** By call and leg, as they are asked for. */
  readonly #legs = new Map<string, () => void>()
  /** `call leg` of each that was asked to be handed off. */
  readonly moves: string[] = []
  readonly #move: CounterOptions["move"]

  constructor({ name, store, accept = "handoff, resume", halfClose = "end", move = "none" }: CounterOptions) {
    this.#move = move
    this.#halfClose = halfClose
    this.name = name
    this.#store = store
    this.#accept = accept
  }

  async start(): Promise<void> {
    this.#server = new grpc.Server()
    this.#server.addService(echoService, { Chat: (call: Duplex) => this.#serve(call) } as never)
    if (this.#move !== "none")
      this.#server.addService(moveService, {
        Move: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) =>
          done(null, this.#moved(call.request)),
      })
    this.port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(
        `127.0.0.1:${this.port}`,
        grpc.ServerCredentials.createInsecure(),
        (error, port) => (error === null ? resolve(port) : reject(error)),
      )
    })
  }

  /** Dies: every connection breaks. */
  async close(): Promise<void> {
    this.#calls.clear()
    this.#server.forceShutdown()
  }

  /** Hands every stream off. */
  handOff(): void {
    for (const handOff of [...this.#calls]) handOff()
  }

  #moved(request: Buffer): Buffer {
    const leg = `${textOf(request, 1)} ${numberOf(request, 2)}`
    this.moves.push(leg)
    if (this.#move === "hands off") this.#legs.get(leg)?.()
    return Buffer.alloc(0)
  }

  #serve(call: Duplex): void {
    const head = Object.fromEntries(
      Object.entries(call.metadata.getMap())
        .filter(([name]) => name.startsWith("continuity-") || name.startsWith("x-"))
        .map(([name, value]) => [name, String(value)]),
    )
    this.heads.push(head)
    const leg = Number(head["continuity-leg"] ?? 0)
    const isLater = head["continuity-delivered"] !== undefined
    const session = head["continuity-session"] ?? `session-${head["continuity-call"]}`
    const state = isLater ? this.#store.take(session, leg) : this.#store.make(session, leg)
    if (state === null) {
      const trailers = new grpc.Metadata()
      trailers.set("continuity-refuse", "no such session")
      call.emit("error", { code: grpc.status.UNAVAILABLE, details: "unknown", metadata: trailers })
      return
    }
    const says = new grpc.Metadata()
    says.set("x-backend", this.name)
    says.set("continuity-accept", this.#accept)
    says.set("continuity-session", session)
    if (isLater) says.set("continuity-received", String(state.received))
    call.sendMetadata(says)
    // What the client has not got of the answers to messages that are in the state.
    if (isLater) {
      const delivered = Number(head["continuity-delivered"])
      if (delivered < state.received) call.write(Buffer.from(`${state.received}:${state.sum}`))
    }
    const handOff = (): void => {
      if (!this.#calls.delete(handOff)) return
      const trailers = new grpc.Metadata()
      trailers.set("continuity-handoff", session)
      trailers.set("continuity-received", String(state.received))
      call.emit("error", { code: grpc.status.UNAVAILABLE, details: "handed off", metadata: trailers })
    }
    this.#calls.add(handOff)
    this.#legs.set(`${head["continuity-call"]} ${leg}`, handOff)
    call.on("data", (message: Buffer) => {
      if (!this.#calls.has(handOff)) return
      const next = { received: state.received + 1, sum: state.sum + Number(message.toString()), leg }
      if (!this.#store.write(session, next)) return
      Object.assign(state, next)
      call.write(Buffer.from(`${state.received}:${state.sum}`))
    })
    call.on("end", () => {
      if (this.#halfClose === "handoff") return setImmediate(handOff)
      if (this.#calls.delete(handOff)) call.end()
    })
    call.on("cancelled", () => this.#calls.delete(handOff))
  }
}

type Duplex = grpc.ServerDuplexStream<Buffer, Buffer>
