import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const source = fileURLToPath(new URL("../web", import.meta.url))

/** Builds the page into `folder` unless what is there is newer than every source file. Takes well under a second. */
export async function buildPage(folder: string): Promise<void> {
  const built = await stat(join(folder, "index.html")).catch(() => undefined)
  if (built !== undefined && built.mtimeMs > (await newest(source))) return
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
