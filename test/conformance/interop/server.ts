import { freePort, listening, start } from "../child.ts"
import { goProgram } from "../go-modules.ts"
import type { Through } from "../result.ts"
import { scope } from "../scope.ts"
import { startFront } from "../through.ts"

/** Runs `use` with the port where grpc-go's interop server is reached through the balancer. */
export async function withInteropServer<T>(through: Through, use: (port: number) => Promise<T>): Promise<T> {
  const program = await goProgram("grpc", "server")
  return scope(async (defer) => {
    const port = await freePort()
    const server = start(program, ["-port", `${port}`])
    defer(server.stop)
    await listening(port, server, "grpc-go's interop server")
    const front = await startFront(through, [{ path: "/", port }])
    defer(front.stop)
    return await use(front.portFor("/"))
  })
}
