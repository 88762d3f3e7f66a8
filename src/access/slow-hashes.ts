import { Worker } from "node:worker_threads"
import { threadProgram } from "../base/program-file.ts"
import type { PasswordAnswer, PasswordQuestion } from "./password-thread.ts"

/** What the single executable's threads are told apart by. */
export const PASSWORD_THREAD = "sluice-passwords"

export interface SlowHashesOptions {
  /** So many are looked at or wait. */
  readonly most: number
  onLimit(): void
}

/**
 * Passwords held to hashes that are made to be slow, on a thread of their own: else a caller who tries passwords would have
 * every live stream wait for each. The thread begins with the first of them.
 */
export class SlowHashes {
  readonly #options: SlowHashesOptions
  readonly #waiting = new Map<number, (isRight: boolean) => void>()
  #thread: Worker | null = null
  #lastId = 0

  constructor(options: SlowHashesOptions) {
    this.#options = options
  }

  /** Null: too many are looked at. Never rejects; without its thread none is right. */
  isPassword(password: string, hash: string): Promise<boolean> | null {
    if (this.#waiting.size >= this.#options.most) {
      this.#options.onLimit()
      return null
    }
    const id = ++this.#lastId
    const thread = (this.#thread ??= this.#start())
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      thread.postMessage({ id, password, hash } satisfies PasswordQuestion)
    })
  }

  #start(): Worker {
    const { program, eval: isCode } = threadProgram("./password-thread.ts", import.meta.url)
    const thread = new Worker(program, { name: PASSWORD_THREAD, workerData: PASSWORD_THREAD, eval: isCode })
    thread.unref()
    thread.on("message", ({ id, isRight }: PasswordAnswer) => this.#tell(id, isRight))
    // It ends: the next password has another one.
    thread.on("error", () => {})
    thread.on("exit", () => this.#gone(thread))
    return thread
  }

  #tell(id: number, isRight: boolean): void {
    const resolve = this.#waiting.get(id)
    this.#waiting.delete(id)
    resolve?.(isRight)
  }

  #gone(thread: Worker): void {
    if (this.#thread !== thread) return
    this.#thread = null
    for (const id of [...this.#waiting.keys()]) this.#tell(id, false)
  }

  close(): void {
    const thread = this.#thread
    if (thread === null) return
    void thread.terminate()
    this.#gone(thread)
  }
}
