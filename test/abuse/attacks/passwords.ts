import type { Attack } from "../attack.ts"
import { flood } from "../flood.ts"
import { block } from "../hpack.ts"
import { request } from "../peer.ts"
import { GUARDED } from "../peer-configs.ts"
import * as wire from "../wire.ts"

const CONNECTIONS = 4
const TRIES = 100

const tried = (password: string): Buffer => {
  const credentials = Buffer.from(`ann:${password}`).toString("base64")
  return block(request(`${GUARDED}Echo`, [["authorization", `Basic ${credentials}`]]))
}

/** Hashes that are made to be slow: who tries passwords has them made. */
export const passwords: Attack[] = [
  {
    name: "slow-passwords",
    source: "CWE-400",
    how: `${TRIES} wrong passwords for a user whose hash takes some tens of milliseconds, on ${CONNECTIONS} connections each`,
    side: "downstream",
    pace: "flood",
    // Who is over the limit is told so, each by an answer; the log does not say it again.
    counters: [],
    bar: {
      held: "its neighbour waits for none of them",
      end: "may",
      // They have a thread of their own.
      growthMiBMax: 48,
    },
    async run(stage) {
      const all = await Promise.all(
        Array.from({ length: CONNECTIONS }, async (_, connection) =>
          flood(await stage.connect(), stage, {
            blow: (i) => wire.headers(2 * i + 1, tried(`${connection} ${i}`)),
            blowsMax: TRIES,
          }),
        ),
      )
      return {
        ...all[0]!,
        frames: all.reduce((sum, { frames }) => sum + frames, 0),
        octets: all.reduce((sum, { octets }) => sum + octets, 0),
      }
    },
  },
]
