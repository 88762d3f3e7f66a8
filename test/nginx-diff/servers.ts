/** The two that are compared, each on the same ports after the other. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Balancer } from "../../src/balancer/balancer.ts"
import { loadConfig } from "../../src/config/load.ts"
import { eventually } from "../support/eventually.ts"

export interface Running {
  stop(): Promise<void>
}

/** Errors: throws what nginx says of the file. */
export async function startNginx(directory: string, text: string): Promise<Running> {
  const file = join(directory, "nginx.conf")
  const log = join(directory, "error.log")
  writeFileSync(file, text)
  rmSync(join(directory, "nginx.pid"), { force: true })
  const nginx = spawn("nginx", ["-p", directory, "-c", file, "-e", log], { stdio: "ignore" })
  const isUp = (): boolean => existsSync(join(directory, "nginx.pid"))
  await eventually(
    () => nginx.exitCode !== null || isUp(),
    () => "nginx listens",
  )
  if (nginx.exitCode !== null)
    throw new Error(
      `nginx: ${existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(-4).join(" ") : "ended"}`,
    )
  return {
    stop: async () => {
      if (nginx.exitCode === null && nginx.kill("SIGTERM")) await once(nginx, "exit")
    },
  }
}

/** Errors: throws the first thing that is wrong with the file. */
export async function startSluice(directory: string, text: string): Promise<Running> {
  const file = join(directory, "sluice.conf")
  writeFileSync(file, text)
  const { config, problems } = loadConfig(file)
  if (config === null) {
    const wrong = problems.filter(({ severity }) => severity === "error")
    throw new Error(wrong.map(({ message, line }) => `line ${line}: ${message}`).join("; "))
  }
  const balancer = new Balancer(config)
  await balancer.start()
  return { stop: () => balancer.close({ graceMs: 0 }) }
}
