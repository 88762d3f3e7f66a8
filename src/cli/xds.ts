/** `sluice xds bootstrap CONFIG`: what gRPC clients without a proxy are started with. */
import { randomUUID } from "node:crypto"
import { readConfig } from "../config/load.ts"
import { renderProblem, sortProblems } from "../config/problem.ts"
import { bootstrap } from "../xds/bootstrap.ts"

export interface XdsBootstrapOptions {
  /** Where clients reach the server, if not at its own address. */
  server: string | undefined
  /** Default: a name by chance. */
  node: string | undefined
  color: boolean
  stdout: { write(text: string): unknown }
  stderr: { write(text: string): unknown }
}

/** @returns the exit code: 0 when the file was printed, 2 when nothing was */
export function xdsBootstrap(path: string, options: XdsBootstrapOptions): 0 | 2 {
  const { stdout, stderr, server = null, node = `sluice-client-${randomUUID()}` } = options
  const { config, problems, sources } = readConfig(path)
  for (const problem of sortProblems(problems))
    if (problem.severity === "error") stderr.write(`${renderProblem(problem, sources, options)}\n\n`)
  if (config === null) return 2
  if (config.xds === null) {
    stderr.write(
      `sluice: ${path} has no xDS server: admin: { xds: 127.0.0.1:18000 }, or sluice_xds 127.0.0.1:18000;\n`,
    )
    return 2
  }
  stdout.write(`${JSON.stringify(bootstrap(config, config.xds, { server, node }), null, 2)}\n`)
  return 0
}
