/** The program of a thread that looks at passwords whose hashes are slow, one after the other. */
import { parentPort } from "node:worker_threads"
import { isPassword } from "./password-hash.ts"

export interface PasswordQuestion {
  readonly id: number
  /** Octets, a character each (latin1). */
  readonly password: string
  readonly hash: string
}

export interface PasswordAnswer {
  readonly id: number
  readonly isRight: boolean
}

parentPort!.on("message", ({ id, password, hash }: PasswordQuestion) => {
  parentPort!.postMessage({ id, isRight: isRight(password, hash) } satisfies PasswordAnswer)
})

/** A hash that cannot be looked at ends no thread: others wait for it. */
function isRight(password: string, hash: string): boolean {
  try {
    return isPassword(password, hash)
  } catch {
    return false
  }
}
