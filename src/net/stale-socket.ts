import { lstatSync, unlinkSync } from "node:fs"
import { connect } from "node:net"

/**
 * Removes the file of a Unix socket on which no process listens any more: a process that was killed leaves it behind.
 * Resolves with null when it is gone, else with why it stays.
 */
export async function removeStaleSocket(path: string): Promise<string | null> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false)
    return "is no socket; remove it or name another"
  const code = await connectingFailsWith(path)
  if (code === null) return "another program listens on it"
  if (code === "ENOENT") return null
  if (code !== "ECONNREFUSED") return `whether somebody listens on it cannot be told (${code})`
  try {
    unlinkSync(path)
    return null
  } catch (error) {
    return `cannot be removed (${(error as NodeJS.ErrnoException).code})`
  }
}

/** Null: a process accepts there. */
function connectingFailsWith(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once("connect", () => {
      socket.destroy()
      resolve(null)
    })
    socket.once("error", ({ code, message }: NodeJS.ErrnoException) => resolve(code ?? message))
  })
}
