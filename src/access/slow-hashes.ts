import { Worker } from "node:worker_threads"
import type { Clock } from "../base/clock.ts"
import { threadProgram } from "../base/program-file.ts"
import type { Log } from "../log/logger.ts"
import type { PasswordAnswer, PasswordQuestion } from "./password-thread.ts"

/** What the single executable's threads are told apart by. */
export const PASSWORD_THREAD = "sluice-passwords"

/** One client has this part of the places, and one at least: else it could have all callers wait for its own. */
const OWN_PART = 1 / 8
/** The log tells of threads that end once in this time. */
const ENDED_TOLD_MS = 60_000

/** What is needed of a Worker. */
export type PasswordThread = Pick<Worker, "on" | "postMessage" | "unref" | "terminate">

export interface SlowHashesOptions {
  /** So many are looked at or wait. */
  readonly most: number
  readonly log: Log
  readonly clock: Clock
  onLimit(): void
  /** Runs password-thread.ts unless a test says otherwise. */
  start?(): PasswordThread
}

/** A password that is looked at, or waits for that. */
export interface SlowCheck {
  /** Never rejects. `unavailable`: the thread ended. */
  readonly answer: Promise<boolean | "unavailable">
  /** Who asked waits no longer. False: it is looked at already, or was. */
  giveUp(): boolean
}

interface Waiting {
  readonly question: PasswordQuestion
  readonly client: string
  tell(answer: boolean | "unavailable"): void
}

/**
 * Passwords held to hashes that are made to be slow, on a thread of their own: else a caller who tries passwords would have
 * every live stream wait for each. The thread begins with the first of them.
 */
export class SlowHashes {
  readonly #options: SlowHashesOptions
  /** In their order; the first is with the thread: what waits here can still be given up. */
  readonly #waiting = new Map<number, Waiting>()
  /** How many of them are whose. */
  readonly #places = new Map<string, number>()
  #thread: PasswordThread | null = null
  /** Which one the thread looks at; 0: none. */
  #askedId = 0
  #lastId = 0
  #toldMs = Number.NEGATIVE_INFINITY

  constructor(options: SlowHashesOptions) {
    this.#options = options
  }

  /**
   * Null: too many are looked at, or too many of this client's.
   *
   * @param client its address, or whatever else has places of its own
   */
  check(password: string, hash: string, client: string): SlowCheck | null {
    const { most, onLimit } = this.#options
    const places = this.#places.get(client) ?? 0
    if (this.#waiting.size >= most || places >= Math.max(1, Math.floor(most * OWN_PART))) {
      onLimit()
      return null
    }
    const id = ++this.#lastId
    const answer = new Promise<boolean | "unavailable">((tell) => {
      this.#waiting.set(id, { question: { id, password, hash }, client, tell })
    })
    this.#places.set(client, places + 1)
    this.#ask()
    return { answer, giveUp: () => id !== this.#askedId && this.#take(id) !== undefined }
  }

  #ask(): void {
    if (this.#askedId !== 0) return
    for (const [id, { question }] of this.#waiting) {
      this.#askedId = id
      this.#thread ??= this.#start()
      this.#thread.postMessage(question)
      return
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return undefined
    this.#waiting.delete(id)
    const places = this.#places.get(waiting.client)! - 1
    if (places === 0) this.#places.delete(waiting.client)
    else this.#places.set(waiting.client, places)
    return waiting
  }

  #start(): PasswordThread {
    const thread = this.#options.start?.() ?? startThread()
    thread.unref()
    thread.on("message", ({ id, isRight }: PasswordAnswer) => {
      if (id !== this.#askedId) return
      this.#askedId = 0
      this.#take(id)!.tell(isRight)
      this.#ask()
    })
    // It ends: the next password has another one.
    thread.on("error", (error: Error) => this.#tellEnded(error))
    thread.on("exit", () => this.#gone(thread))
    return thread
  }

  #tellEnded({ message }: Error): void {
    const { clock, log } = this.#options
    if (clock.now() - this.#toldMs < ENDED_TOLD_MS) return
    this.#toldMs = clock.now()
    log.error("the thread that looks at passwords ended", { error: message })
  }

  #gone(thread: PasswordThread): void {
    if (this.#thread !== thread) return
    this.#thread = null
    this.#askedId = 0
    for (const id of [...this.#waiting.keys()]) this.#take(id)!.tell("unavailable")
  }

  close(): void {
    const thread = this.#thread
    if (thread === null) return
    void thread.terminate()
    this.#gone(thread)
  }
}

function startThread(): Worker {
  const { program, eval: isCode } = threadProgram("./password-thread.ts", import.meta.url)
  return new Worker(program, { name: PASSWORD_THREAD, workerData: PASSWORD_THREAD, eval: isCode })
}
