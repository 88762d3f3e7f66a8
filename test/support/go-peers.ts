import { execFileSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"

const SOURCES = join(import.meta.dirname, "../integration/handlers/go")
const FOLDER = join(import.meta.dirname, "../../.cache/continuity/go-peers")

/** What is missing where `goPeers` is null. */
export const HOW_TO_GET_GO = "go, and the modules of test/integration/handlers/go (go mod download)"

/** The folder of the programs in `handlers/go`, built; null: they cannot be. */
export function goPeers(): string | null {
  mkdirSync(FOLDER, { recursive: true })
  try {
    const env = { ...process.env, GOPROXY: "off", GOFLAGS: "-mod=readonly" }
    execFileSync("go", ["build", "-o", `${FOLDER}/`, "./..."], { cwd: SOURCES, env, stdio: "pipe" })
    return FOLDER
  } catch {
    return null
  }
}
