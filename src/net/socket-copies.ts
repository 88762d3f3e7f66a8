import { spawn } from "node:child_process"
import { programArgument } from "../base/program-file.ts"
import type { SocketHandle } from "./socket-handle.ts"

/** A descriptor, and how many copies of it are wanted. */
export interface CopyOrder {
  readonly fd: number
  readonly copies: number
}

/**
 * Copies of descriptors of listening sockets, in the order of `orders`. A thread that opens a socket by number closes that
 * number for its whole process, so each is given one of its own. Node has no dup(2): a child inherits the sockets and sends
 * each back as often as asked (SCM_RIGHTS), which takes some 50 ms.
 *
 * The handles that the copies arrive in are never closed here: the opener of a copy owns it from then on.
 * Errors: throws a sentence.
 */
export function copySockets(orders: readonly CopyOrder[]): Promise<number[][]> {
  const made: number[][] = orders.map(() => [])
  let missing = orders.reduce((sum, { copies }) => sum + copies, 0)
  if (missing === 0) return Promise.resolve(made)
  return new Promise((resolve, reject) => {
    const program = programArgument("./copy-sockets.ts", import.meta.url)
    const child = spawn(process.execPath, [program, ...orders.map(({ copies }) => String(copies))], {
      stdio: ["ignore", "ignore", "inherit", "ipc", ...orders.map(({ fd }) => fd)],
      // Options for this program, a profiler's for instance, are not for the child.
      env: { ...process.env, NODE_OPTIONS: "" },
    })
    const failed = (why: string): void => reject(new Error(`cannot copy the listening sockets: ${why}`))
    child.once("error", (error) => failed(error.message))
    child.once("exit", (code, signal) => failed(`the copying process ended with ${signal ?? code}`))
    child.on("message", (order, handle) => {
      const { fd } = handle as unknown as SocketHandle
      made[order as number]!.push(fd)
      if (--missing > 0) return
      resolve(made)
      child.disconnect()
    })
  })
}
