import { fork } from "node:child_process"
import { extname } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

export interface ChatServerProcess {
  readonly port: number
  readonly pid: number
  /** Settles when the server has ended, by itself or not, with why. */
  readonly ended: Promise<string>
  /** Asks it to end; it may let its conversations finish for some seconds. */
  stop(): Promise<void>
  /** Ends it at once. */
  kill(): void
}

/**
 * Runs `server.ts` in a process of its own, as several machines would, and resolves once it listens.
 * The IPC channel ties its life to ours: when this process ends, even by `kill -9`, the server ends too.
 */
export async function startChatServerProcess(options: {
  port: number
  /** What it calls itself to clients. */
  name: string
  log: (line: string) => void
}): Promise<ChatServerProcess> {
  // server.js once compiled.
  const main = fileURLToPath(new URL(`../server${extname(import.meta.url)}`, import.meta.url))
  const child = fork(main, ["--port", String(options.port), "--name", options.name], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  })
  for (const stream of [child.stdout!, child.stderr!])
    createInterface({ input: stream }).on("line", options.log)
  const ended = new Promise<string>((resolve) => {
    // Not "close": Node 24 leaves it out once we have disconnected.
    child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  const port = await new Promise<number>((resolve, reject) => {
    child.once("message", (message) => resolve((message as { port: number }).port))
    child.once("error", reject)
    void ended.then((why) =>
      reject(new Error(`the chat server on port ${options.port} did not start: ${why}`)),
    )
  })
  return {
    port,
    pid: child.pid!,
    ended,
    async stop() {
      if (child.connected) child.disconnect()
      await ended
    },
    kill: () => void child.kill("SIGKILL"),
  }
}
