import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = new URL("../../../", import.meta.url)
const chat = fileURLToPath(new URL("examples/chat/web", root))
const dashboard = fileURLToPath(new URL("dashboard", root))

/** Builds the chat's page into `folder` unless what is there is newer than every source file. */
export function buildPage(folder: string): Promise<void> {
  // It shows parts of the dashboard.
  return buildUnlessNew(chat, [chat, dashboard], folder)
}

/** Builds the dashboard where Sluice looks for it, in a checkout, unless what is there is new. */
export function buildDashboard(): Promise<void> {
  return buildUnlessNew(dashboard, [dashboard], fileURLToPath(new URL("dist/dashboard", root)))
}

/** Takes well under a second. */
async function buildUnlessNew(source: string, watched: readonly string[], folder: string): Promise<void> {
  const built = await stat(join(folder, "index.html")).catch(() => undefined)
  const times = await Promise.all(watched.map(newest))
  if (built !== undefined && built.mtimeMs > Math.max(...times)) return
  // Loaded only when needed: vite is most of the time this takes.
  const { build } = await import("vite")
  await build({
    configFile: join(source, "vite.config.ts"),
    logLevel: "warn",
    build: { outDir: folder, emptyOutDir: true },
  })
}

async function newest(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const times = entries.map(async (entry) => (await stat(join(entry.parentPath, entry.name))).mtimeMs)
  return Math.max(...(await Promise.all(times)))
}
