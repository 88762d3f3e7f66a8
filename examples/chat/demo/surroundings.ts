import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, sep } from "node:path"
import { fileURLToPath } from "node:url"

/** The demo runs from a checkout's sources or, compiled, from the npm package. What follows is all that differs. */
const isCheckout = import.meta.url.endsWith(".ts")

/** What to type for each of the chat's programs, less its options. */
export const commands = isCheckout
  ? { start: "npm start --", client: "npm run chat:client --", server: "npm run chat:server --" }
  : { start: `${called()} demo`, client: `${called()} demo client`, server: `${called()} demo server` }

/** The package's command from the current folder: by npx in a project, by its name where it is installed for all. */
function called(): string {
  const path = fileURLToPath(import.meta.url)
  const project = path.slice(0, path.lastIndexOf(`${sep}node_modules${sep}`) + 1)
  return process.env.npm_command === "exec" || process.cwd().startsWith(project.slice(0, -1))
    ? "npx sluice"
    : "sluice"
}

/** The page as `npm run build` left it; undefined in a checkout, where it is built from what is there now. */
export const builtPage = isCheckout ? undefined : fileURLToPath(new URL("../page", import.meta.url))

/** A folder for everything the demo writes: one that git ignores and that stays, or one in the system's for this run. */
export async function makeFolder(): Promise<{ path: string; release(): Promise<void> }> {
  if (!isCheckout) {
    const path = await mkdtemp(join(tmpdir(), "sluice-demo-"))
    return { path, release: () => rm(path, { recursive: true, force: true }) }
  }
  const path = fileURLToPath(new URL("../../../.cache/chat/", import.meta.url))
  await mkdir(path, { recursive: true })
  return { path, release: async () => {} }
}
