import { Balancer, loadConfig } from "../../../src/index.ts"

export interface RunningSluice {
  stop(graceMs: number): Promise<void>
}

/** Runs Sluice in this process on an nginx.conf or a sluice.yaml. Throws with every problem of the file, one a line. */
export async function startSluice(configPath: string): Promise<RunningSluice> {
  const { config, problems } = loadConfig(configPath)
  if (config === null) throw new Error(problems.map((problem) => problem.message).join("\n"))
  const balancer = new Balancer(config)
  await balancer.start()
  return { stop: (graceMs) => balancer.close({ graceMs }) }
}
