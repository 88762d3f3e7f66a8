import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { run } from "../child.ts"
import { goProgram } from "../go-modules.ts"
import type { SuiteContext, SuiteResult } from "../result.ts"
import { scope, temporaryDirectory } from "../scope.ts"
import { type FrontOptions, startFront } from "../through.ts"
import { startPlainBackend } from "./backend.ts"
import { readJunit } from "./junit.ts"
import { invalidLiteralIndex } from "./later-case.ts"

/** How long h2spec waits for an answer, in seconds: enough for a busy machine. */
const silenceS = "5"

/** h2spec plays a bad client against the listener, strict cases included. */
export async function h2spec(context: SuiteContext): Promise<SuiteResult> {
  return runH2spec(context, {}, [], async (port) => {
    const later = await invalidLiteralIndex(port)
    return { cases: 1, failed: later === null ? [] : [later] }
  })
}

/** The same against a listener with TLS; the certificate is the run's own, so h2spec is told not to check it. */
export async function h2specTls(context: SuiteContext): Promise<SuiteResult> {
  return runH2spec(context, { hasTls: true }, ["-t", "-k"], async () => ({ cases: 0, failed: [] }))
}

/** `others` plays cases that this h2spec does not have. */
async function runH2spec(
  { through }: SuiteContext,
  options: FrontOptions,
  flags: readonly string[],
  others: (port: number) => Promise<SuiteResult>,
): Promise<SuiteResult> {
  const program = await goProgram("h2spec", "h2spec")
  return scope(async (defer) => {
    const backend = await startPlainBackend()
    defer(backend.stop)
    const front = await startFront(through, [{ path: "/", port: backend.port }], options)
    defer(front.stop)
    const port = front.portFor("/")

    const report = join(await temporaryDirectory(defer), "junit.xml")
    const args = [...flags, "--strict", "--timeout", silenceS, "--port", `${port}`, "--junit-report", report]
    const { output } = await run(program, args, { timeoutMs: 10 * 60_000 })
    const xml = await readFile(report, "utf8").catch(() => {
      throw new Error(`h2spec wrote no report:\n${output.trim()}`)
    })
    const { cases, failed } = readJunit(xml)
    const more = await others(port)
    return { cases: cases + more.cases, failed: [...failed, ...more.failed] }
  })
}
