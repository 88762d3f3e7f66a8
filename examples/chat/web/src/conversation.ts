import { reconnectDelayMs } from "./backoff.ts"
import { END_FRAME, inputFrame, parseFrame, type Status, UNAVAILABLE } from "./frames.ts"

/** A line feed alone: what the server takes for a heartbeat. */
export const HEARTBEAT = "\n"

/** Where a conversation stands. Times are milliseconds since 1970. */
export type Phase =
  | { kind: "connecting" }
  | { kind: "open"; sinceMs: number }
  /** We have said that we are done; the server may go on. */
  | { kind: "halfClosed"; sinceMs: number }
  /** Lost; it reconnects by itself at `retryAtMs`. */
  | { kind: "waiting"; retryAtMs: number }
  /** By a status, or, when null, by losing the connection after our half-close. */
  | { kind: "ended"; status: Status | null }

export type Entry = { id: number; atMs: number } & (
  | { kind: "said"; text: string }
  | { kind: "heard"; text: string; server: string | null }
  | { kind: "opened"; server: string | null }
  | { kind: "heartbeat" | "halfClosed" }
  /** `tries`: how many streams in a row came to nothing, told as one. */
  | { kind: "lost"; tries: number }
  | { kind: "status"; status: Status; tries: number }
)
type NewEntry<E = Entry> = E extends Entry ? Omit<E, "id" | "atMs"> : never

/** Immutable: a new one per change. */
export interface ConversationState {
  phase: Phase
  /** What the server calls itself, where the bridge tells. */
  server: string | null
  entries: readonly Entry[]
  /** When a message last went either way on the present stream. */
  lastActivityMs: number
}

/** The part of a browser's WebSocket that is used. */
export interface Socket {
  onopen: ((event: Event) => void) | null
  onmessage: ((event: MessageEvent) => void) | null
  onclose: ((event: CloseEvent) => void) | null
  send(data: string): void
  close(): void
}

export interface Environment {
  connect(): Socket
  now(): number
  random(): number
  /** Calls back once after `delayMs`; the result cancels it. */
  after(delayMs: number, callback: () => void): () => void
}

/** Older entries are forgotten. */
const MOST_ENTRIES = 500
/** A stream that has stood so long has stood, even when nothing was heard. */
const SETTLED_MS = 5000
/** What the bridge passes on of the server's initial metadata. */
const SERVER_NAME_HEADER = "x-chat-server"

/**
 * One conversation with the chat: a WebSocket, one gRPC stream behind it, and what was said.
 * When the connection is lost, or the stream ends with UNAVAILABLE, it opens another, later and later.
 */
export class Conversation {
  #state: ConversationState
  readonly #environment: Environment
  readonly #listeners = new Set<() => void>()
  #socket: Socket | undefined
  #cancelRetry: (() => void) | undefined
  #failedAttempts = 0
  #nextId = 0
  /** Whether the present stream has reached a server: something came back. */
  #reached = false

  constructor(environment: Environment) {
    this.#environment = environment
    const lastActivityMs = environment.now()
    this.#state = { phase: { kind: "connecting" }, server: null, entries: [], lastActivityMs }
    this.#connect()
  }

  get state(): ConversationState {
    return this.#state
  }

  /** Calls `listener` after each change; the result ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** False, and nothing sent, unless the conversation is open. */
  say(input: string): boolean {
    if (this.#state.phase.kind !== "open") return false
    this.#socket!.send(inputFrame(input))
    this.#add(input === HEARTBEAT ? { kind: "heartbeat" } : { kind: "said", text: input })
    return true
  }

  halfClose(): void {
    const { phase } = this.#state
    if (phase.kind !== "open") return
    this.#socket!.send(END_FRAME)
    this.#add({ kind: "halfClosed" }, { phase: { kind: "halfClosed", sinceMs: phase.sinceMs } })
  }

  /** A new stream, now; what was said stays. Does nothing while one is open. */
  restart(): void {
    const { kind } = this.#state.phase
    if (kind === "waiting" || kind === "ended") this.#connect()
  }

  /** Leaves without a word: the stream is cancelled. */
  dispose(): void {
    this.#cancelRetry?.()
    this.#drop()
    this.#listeners.clear()
  }

  #connect(): void {
    this.#cancelRetry?.()
    this.#drop()
    this.#reached = false
    this.#set({ phase: { kind: "connecting" }, server: null })
    const socket = this.#environment.connect()
    this.#socket = socket
    socket.onopen = () => {
      this.#set({ phase: { kind: "open", sinceMs: this.#environment.now() } })
      this.#add({ kind: "opened", server: null })
    }
    socket.onmessage = ({ data }) => this.#receive(data)
    socket.onclose = () => this.#lost()
  }

  #receive(data: unknown): void {
    const frame = parseFrame(data)
    switch (frame.kind) {
      case "output":
        this.#reach()
        this.#add({ kind: "heard", text: frame.text, server: this.#state.server })
        break
      case "headers":
        this.#reach()
        this.#meet(frame.headers[SERVER_NAME_HEADER] ?? null)
        break
      case "status":
        this.#addFailure((tries) => ({ kind: "status", status: frame.status, tries }))
        if (frame.status.code === UNAVAILABLE && this.#state.phase.kind === "open") this.#retryLater()
        else this.#end(frame.status)
        break
      case "unknown":
    }
  }

  #reach(): void {
    this.#reached = true
    this.#failedAttempts = 0
  }

  /** Writes the server's name into the line that told of the connection. */
  #meet(server: string | null): void {
    const entries = this.#state.entries.map((entry, index, all) =>
      entry.kind === "opened" && !all.slice(index + 1).some(({ kind }) => kind === "opened")
        ? { ...entry, server }
        : entry,
    )
    this.#set({ server, entries })
  }

  /** The socket closed and no status had come. */
  #lost(): void {
    const { kind } = this.#state.phase
    if (kind === "open" || kind === "halfClosed") this.#addFailure((tries) => ({ kind: "lost", tries }))
    if (kind === "halfClosed") this.#end(null)
    else this.#retryLater()
  }

  #retryLater(): void {
    this.#drop()
    const delayMs = reconnectDelayMs(this.#failedAttempts++, () => this.#environment.random())
    this.#set({ phase: { kind: "waiting", retryAtMs: this.#environment.now() + delayMs }, server: null })
    this.#cancelRetry = this.#environment.after(delayMs, () => this.#connect())
  }

  #end(status: Status | null): void {
    this.#drop()
    this.#failedAttempts = 0
    this.#set({ phase: { kind: "ended", status } })
  }

  #drop(): void {
    const socket = this.#socket
    if (socket === undefined) return
    this.#socket = undefined
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
  }

  /** Adds how the stream ended; when it came to nothing as the one before did, in place of that one's end. */
  #addFailure(entry: (tries: number) => NewEntry): void {
    const { phase, entries } = this.#state
    const before = entries.at(-2)
    const stood = "sinceMs" in phase && this.#environment.now() - phase.sinceMs >= SETTLED_MS
    const again = !this.#reached && !stood && entries.at(-1)?.kind === "opened"
    if (again && (before?.kind === "status" || before?.kind === "lost")) {
      this.#add(entry(before.tries + 1), { entries: entries.slice(0, -2) })
    } else this.#add(entry(1))
  }

  #add(entry: NewEntry, change: Partial<ConversationState> = {}): void {
    const atMs = this.#environment.now()
    const earlier = change.entries ?? this.#state.entries
    const entries = [...earlier, { ...entry, id: this.#nextId++, atMs } as Entry].slice(-MOST_ENTRIES)
    this.#set({ ...change, entries, lastActivityMs: atMs })
  }

  #set(change: Partial<ConversationState>): void {
    this.#state = { ...this.#state, ...change }
    for (const listener of this.#listeners) listener()
  }
}
