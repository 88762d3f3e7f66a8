import type { SuiteContext, SuiteResult } from "../result.ts"
import { cases, openClient } from "./node-cases.ts"
import { withInteropServer } from "./server.ts"

/** @grpc/grpc-js over the standard cases. */
export async function grpcNodeClient({ through }: SuiteContext): Promise<SuiteResult> {
  return withInteropServer(through, async (port) => {
    const result: SuiteResult = { cases: cases.length, failed: [] }
    for (const { name, run } of cases) {
      const client = openClient(port)
      try {
        await run(client)
      } catch (error) {
        result.failed.push({ name, reason: error instanceof Error ? error.message : String(error) })
      } finally {
        client.close()
      }
    }
    return result
  })
}
