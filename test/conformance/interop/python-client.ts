import { fileURLToPath } from "node:url"
import { run } from "../child.ts"
import type { FailedCase, SuiteContext, SuiteResult } from "../result.ts"
import { grpcioPython } from "./grpcio.ts"
import { withInteropServer } from "./server.ts"

const script = fileURLToPath(new URL("./client.py", import.meta.url))

/** gRPC's C core, by way of Python's grpcio, over the standard cases. */
export async function grpcioClient({ through }: SuiteContext): Promise<SuiteResult> {
  const python = await grpcioPython()
  return withInteropServer(through, async (port) => {
    const { output } = await run(python, [script, `${port}`], { timeoutMs: 5 * 60_000 })
    return readPythonOutput(output)
  })
}

/** Reads the script's lines: `passed NAME`, `failed NAME REASON`, and `done` at the end. */
export function readPythonOutput(output: string): SuiteResult {
  const failed: FailedCase[] = []
  let cases = 0
  for (const [, outcome, name = "", reason = ""] of output.matchAll(/^(passed|failed) (\S+) ?(.*)$/gm)) {
    cases++
    if (outcome === "failed") failed.push({ name, reason })
  }
  if (!/^done$/m.test(output)) throw new Error(`the Python client did not finish:\n${output.trim()}`)
  return { cases, failed }
}
