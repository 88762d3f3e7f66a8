import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url))

/** Opens the debugger as a signal does that comes while Node itself starts: of the process, not of each thread. */
const OPENS = `import { open } from "node:inspector"
import { isMainThread } from "node:worker_threads"
if (isMainThread) open(0)`
const OPEN = `--import=data:text/javascript,${encodeURIComponent(OPENS)}`

test.for([
  ["that nobody asked for is closed before it listens", [OPEN], false],
  ["that was asked for stays", ["--inspect=127.0.0.1:0"], true],
] as const)("a debugger %s", async ([, options, isOpen], t) => {
  const args = [...options, MAIN, "run", "--json", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:1"]
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
  t.onTestFinished(() => void child.kill("SIGKILL"))
  let said = ""
  child.stderr.on("data", (octets: Buffer) => (said += octets.toString()))
  await once(createInterface(child.stdout), "line")
  const url = /Debugger listening on ws:\/\/(\S+?)\//.exec(said)![1]
  const answered = await fetch(`http://${url}/json/version`).then(
    () => true,
    () => false,
  )
  expect(answered).toBe(isOpen)
})
