import { createServer } from "node:net"

const MOST_TRIES = 100

/**
 * The first port from `preferred` on that can be listened on at `host`, leaving out those in `claimed`, to which it is
 * then added. Rejects when a hundred in a row are taken. Nothing holds the port until its user listens on it.
 */
export async function claimFreePort(preferred: number, host: string, claimed: Set<number>): Promise<number> {
  for (let port = preferred; port < preferred + MOST_TRIES && port <= 65535; port++) {
    if (claimed.has(port) || !(await canListen(port, host))) continue
    claimed.add(port)
    return port
  }
  throw new Error(`no free port from ${preferred} on at ${host}: tried ${MOST_TRIES}`)
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once("error", () => resolve(false))
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)))
  })
}
