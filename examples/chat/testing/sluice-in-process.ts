import { Balancer, createLog, loadConfig, renderProblem } from "../../../src/index.ts"

export interface RunningSluice {
  /** Lets live streams finish for `graceMs`, then ends them with UNAVAILABLE. */
  stop(graceMs: number): Promise<void>
}

/** Runs Sluice in this process on an nginx.conf or a sluice.yaml. Throws with every problem of the file. */
export async function startSluice(options: {
  configPath: string
  log: (line: string) => void
}): Promise<RunningSluice> {
  const { config, problems, sources } = loadConfig(options.configPath)
  if (config === null) {
    const errors = problems.filter(({ severity }) => severity === "error")
    throw new Error(errors.map((problem) => renderProblem(problem, sources, { color: false })).join("\n"))
  }
  const write = (line: string) => options.log(line.trimEnd())
  const balancer = new Balancer(config, { log: createLog({ level: "info", format: "readable", write }) })
  await balancer.start()
  return { stop: (graceMs) => balancer.close({ graceMs }) }
}
