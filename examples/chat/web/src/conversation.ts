import { reconnectDelayMs } from "./backoff.ts"
import { END_FRAME, inputFrame, parseFrame, type Status, UNAVAILABLE } from "./frames.ts"

/** A line feed alone: what the server takes for a heartbeat. */
export const HEARTBEAT = "\n"

/** Where a conversation stands. Times are milliseconds since 1970. */
export type Phase =
  /** Until a server has shown itself, or nothing has gone wrong for `SETTLED_MS`. */
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
  /** Its server was gone, and another goes on with the same stream. */
  | { kind: "moved"; from: string; server: string }
  | { kind: "heartbeat" | "halfClosed" }
  | { kind: "lost" }
  | { kind: "status"; status: Status }
  /** Attempts since that failed in a row, told as one; `message`: why the last of them did. */
  | { kind: "failedAttempts"; count: number; message: string }
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
/** A stream that was not refused for so long counts as open: a server need not say anything before it is asked. */
const SETTLED_MS = 1000
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
  #cancelTimer: (() => void) | undefined
  #failedAttempts = 0
  #nextId = 0
  /** Said when no stream was open: sent as soon as one is. */
  #unsent: string | null = null

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

  /** A new stream, now; what was said stays. Does nothing while one is open. `first` is said once it is. */
  restart(first: string | null = null): void {
    const { kind } = this.#state.phase
    if (kind !== "waiting" && kind !== "ended") return
    this.#unsent = first
    this.#connect()
  }

  /** Leaves without a word: the stream is cancelled. */
  dispose(): void {
    this.#drop()
    this.#listeners.clear()
  }

  #connect(): void {
    this.#drop()
    this.#set({ phase: { kind: "connecting" }, server: null })
    const socket = this.#environment.connect()
    this.#socket = socket
    // The WebSocket is Sluice's: that it is open says nothing of a server behind it.
    socket.onopen = () => {
      this.#cancelTimer = this.#environment.after(SETTLED_MS, () => this.#opened(null))
    }
    socket.onmessage = ({ data }) => this.#receive(data)
    socket.onclose = () => this.#lost()
  }

  #receive(data: unknown): void {
    const frame = parseFrame(data)
    switch (frame.kind) {
      case "output":
        this.#opened(null)
        this.#add({ kind: "heard", text: frame.text, server: this.#state.server })
        break
      case "headers":
        this.#opened(frame.headers[SERVER_NAME_HEADER] ?? null)
        break
      case "status":
        this.#ended(frame.status)
        break
      case "unknown":
    }
  }

  /** A server has shown itself, or has had time to refuse. */
  #opened(server: string | null): void {
    const { kind } = this.#state.phase
    if (kind !== "connecting") return this.#meet(server)
    this.#cancelTimer?.()
    this.#failedAttempts = 0
    this.#set({ phase: { kind: "open", sinceMs: this.#environment.now() }, server })
    this.#add({ kind: "opened", server })
    const unsent = this.#unsent
    this.#unsent = null
    if (unsent !== null) this.say(unsent)
  }

  /** Writes the server's name into the line that told of the connection. */
  #meet(server: string | null): void {
    if (server === null) return
    const entries = this.#state.entries.map((entry, index, all) =>
      entry.kind === "opened" && !all.slice(index + 1).some(({ kind }) => kind === "opened")
        ? { ...entry, server }
        : entry,
    )
    this.#set({ server, entries })
  }

  /** The balancer has given the stream that is open to another server. */
  moved(server: string): void {
    const { phase, server: from } = this.#state
    if (phase.kind !== "open" || from === null || from === server) return
    this.#set({ server })
    this.#add({ kind: "moved", from, server })
  }

  #ended(status: Status): void {
    const { kind } = this.#state.phase
    const mayRetry = status.code === UNAVAILABLE && kind !== "halfClosed"
    if (kind === "connecting" && mayRetry) this.#addFailedAttempt(status)
    else this.#add({ kind: "status", status })
    if (mayRetry) this.#retryLater()
    else this.#end(status)
  }

  /** The socket closed and no status had come. */
  #lost(): void {
    const { kind } = this.#state.phase
    if (kind === "connecting") this.#addFailedAttempt(null)
    else this.#add({ kind: "lost" })
    if (kind === "halfClosed") this.#end(null)
    else this.#retryLater()
  }

  #retryLater(): void {
    this.#drop()
    const delayMs = reconnectDelayMs(this.#failedAttempts++, () => this.#environment.random())
    this.#set({ phase: { kind: "waiting", retryAtMs: this.#environment.now() + delayMs }, server: null })
    this.#cancelTimer = this.#environment.after(delayMs, () => this.#connect())
  }

  #end(status: Status | null): void {
    this.#drop()
    this.#failedAttempts = 0
    this.#set({ phase: { kind: "ended", status } })
  }

  #drop(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const socket = this.#socket
    if (socket === undefined) return
    this.#socket = undefined
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
  }

  /** What ended the last stream stays; the attempts since are one line below it. `status` null: no connection. */
  #addFailedAttempt(status: Status | null): void {
    const { entries } = this.#state
    const before = entries.at(-1)
    const isFirst = before?.kind !== "status" && before?.kind !== "lost" && before?.kind !== "failedAttempts"
    if (isFirst) return this.#add(status === null ? { kind: "lost" } : { kind: "status", status })
    const message = status?.message ?? ""
    const count = before.kind === "failedAttempts" ? before.count + 1 : 1
    const kept = before.kind === "failedAttempts" ? entries.slice(0, -1) : entries
    this.#add({ kind: "failedAttempts", count, message }, { entries: kept })
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
