import { randomInt } from "node:crypto"
import { createServer } from "node:net"

/** Below those that Linux gives connections for their own ends (`ip_local_port_range`). */
const [PORTS_FROM, PORTS_TO] = [10_000, 32_000]

/** A port that is free, on both loopbacks, and that no connection takes before it is listened on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS_FROM, PORTS_TO)
    if ((await isFree(port, "127.0.0.1")) && (await isFree(port, "::1"))) return port
  }
}

/** Where there is no such address, no port of it is taken. */
function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code !== "EADDRINUSE"))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}
