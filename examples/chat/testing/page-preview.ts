/**
 * The page with all that is behind it, in one process: `node examples/chat/testing/page-preview.ts`.
 * For work on the page. Rebuilds at each start; ends on Ctrl-C.
 */
import { fileURLToPath } from "node:url"
import { stopOnSignals } from "../command-line.ts"
import { startPageBed } from "./page-bed.ts"

const bed = await startPageBed({
  folder: fileURLToPath(new URL("../../../.cache/chat/page/", import.meta.url)),
  log: console.log,
})
console.log(bed.url)
stopOnSignals(() => bed.stop())
