import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { run } from "../child.ts"
import { goProgram } from "../go-modules.ts"
import type { SuiteContext, SuiteResult } from "../result.ts"
import { scope, temporaryDirectory } from "../scope.ts"
import { startFront } from "../through.ts"
import { startPlainBackend } from "./backend.ts"
import { readJunit } from "./junit.ts"
import { invalidLiteralIndex } from "./later-case.ts"

/** How long h2spec waits for an answer, in seconds: enough for a busy machine. */
const silenceS = "5"

/** h2spec plays a bad client against the listener, strict cases included. */
export async function h2spec({ through }: SuiteContext): Promise<SuiteResult> {
  const program = await goProgram("h2spec", "h2spec")
  return scope(async (defer) => {
    const backend = await startPlainBackend()
    defer(backend.stop)
    const front = await startFront(through, [{ path: "/", port: backend.port }])
    defer(front.stop)
    const port = front.portFor("/")

    const report = join(await temporaryDirectory(defer), "junit.xml")
    const args = ["--strict", "--timeout", silenceS, "--port", `${port}`, "--junit-report", report]
    const { output } = await run(program, args, { timeoutMs: 10 * 60_000 })
    const xml = await readFile(report, "utf8").catch(() => {
      throw new Error(`h2spec wrote no report:\n${output.trim()}`)
    })
    const { cases, failed } = readJunit(xml)
    const later = await invalidLiteralIndex(port)
    return { cases: cases + 1, failed: later === null ? failed : [...failed, later] }
  })
}
