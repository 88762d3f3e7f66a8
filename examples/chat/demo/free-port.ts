import { whyNotListen } from "../why-not-listen.ts"

const MOST_TRIES = 100

/**
 * The first port from `preferred` on that can be listened on at `host`, leaving out those in `claimed`, to which it is
 * then added. Rejects when a hundred in a row are taken. Nothing holds the port until its user listens on it.
 */
export async function claimFreePort(preferred: number, host: string, claimed: Set<number>): Promise<number> {
  for (let port = preferred; port < preferred + MOST_TRIES && port <= 65535; port++) {
    if (claimed.has(port) || (await whyNotListen(port, host)) !== null) continue
    claimed.add(port)
    return port
  }
  throw new Error(`no free port from ${preferred} on at ${host}: tried ${MOST_TRIES}`)
}
