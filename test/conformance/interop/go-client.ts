import { run } from "../child.ts"
import { goProgram } from "../go-modules.ts"
import type { SuiteContext, SuiteResult } from "../result.ts"
import { withInteropServer } from "./server.ts"

/** Every case of grpc-go's client that needs neither credentials nor a server that tells its name. */
const cases = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "rpc_soak",
  "channel_soak",
  "orca_per_rpc",
  "orca_oob",
]

/** The ORCA cases read backend load through a policy that the client has for this test alone. */
const orcaServiceConfig = JSON.stringify({
  loadBalancingConfig: [{ test_backend_metrics_load_balancer: {} }],
})

/** grpc-go's interop client against grpc-go's interop server, one process for each case. */
export async function grpcGoClient({ through }: SuiteContext): Promise<SuiteResult> {
  const client = await goProgram("grpc", "client")
  return withInteropServer(through, async (port) => {
    const result: SuiteResult = { cases: cases.length, failed: [] }
    for (const name of cases) {
      const args = ["-server_host", "127.0.0.1", "-server_port", `${port}`, "-test_case", name]
      if (name.startsWith("orca_")) args.push("-service_config_json", orcaServiceConfig)
      const { code, output } = await run(client, args, { timeoutMs: 60_000 })
      if (code !== 0) result.failed.push({ name, reason: output.trim().split("\n").at(-1) ?? "" })
    }
    return result
  })
}
