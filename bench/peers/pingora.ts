import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { cacheDirectory } from "./pypi.ts"

const SOURCE = join(import.meta.dirname, "pingora")

/** Pingora is a library: the proxy of bench/peers/pingora, built by cargo where it has not been. Undefined where it cannot. */
export function buildPingora(install: boolean): string | undefined {
  const target = join(cacheDirectory(), "pingora")
  const binary = join(target, "release/pingora-peer")
  if (install && spawnSync("cargo", ["--version"]).error === undefined) {
    console.error("Building bench/peers/pingora: some minutes the first time.")
    const flags = ["build", "--release", "--quiet", "--target-dir", target]
    spawnSync("cargo", flags, { cwd: SOURCE, stdio: ["ignore", "ignore", "inherit"] })
  }
  return existsSync(binary) ? binary : undefined
}
