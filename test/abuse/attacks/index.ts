import type { Attack } from "../attack.ts"
import { controlFrames } from "./control-frames.ts"
import { headerBlocks } from "./header-blocks.ts"
import { http1 } from "./http1.ts"
import { jsonBombs } from "./json-bombs.ts"
import { madeToReset } from "./made-to-reset.ts"
import { passwords } from "./passwords.ts"
import { rapidReset } from "./rapid-reset.ts"
import { requests } from "./requests.ts"
import { slowRead } from "./slow-read.ts"
import { slowloris } from "./slowloris.ts"
import { upstream } from "./upstream.ts"
import { upstreamCalls } from "./upstream-calls.ts"
import { webSocket } from "./web-socket.ts"

/** Every attack, in the order of the report. */
export const attacks: readonly Attack[] = [
  ...rapidReset,
  ...madeToReset,
  ...headerBlocks,
  ...controlFrames,
  ...slowRead,
  ...slowloris,
  ...requests,
  ...http1,
  ...passwords,
  ...jsonBombs,
  ...webSocket,
  ...upstream,
  ...upstreamCalls,
]
