import { lookup } from "node:dns/promises"
import { mkdirSync } from "node:fs"
import { type StartProblem, startProblems } from "../balancer/start-problems.ts"
import { systemClock } from "../base/clock.ts"
import type { LoadedConfig } from "../config/load.ts"
import type { Config } from "../config/model.ts"
import { logDirectories, placeOf } from "../config/named-files.ts"
import type { Problem } from "../config/problem.ts"
import { trustedNames, withTrusted } from "../config/trusted-names.ts"
import { type ResolvedEndpoint, resolveNames } from "../control/discovery/resolve-names.ts"
import { tracingProblem } from "../control/tracing/otlp.ts"

export interface PrepareOptions {
  /** Warnings keep it from running too. */
  strict: boolean
  /** Reads the file. Default: `loadConfig`. */
  load?: (path: string) => LoadedConfig
}

/** A configuration, and what its names come to here and now. */
export interface PreparedConfig extends LoadedConfig {
  readonly names: readonly ResolvedEndpoint[]
}

/**
 * A configuration as `sluice run` would start it here, or why it would not: the one answer of `check`, `run` and a
 * reload. What is left to the start is whether a port is free and may be opened.
 */
export async function prepare(path: string, { strict, load }: PrepareOptions): Promise<PreparedConfig> {
  const { config: written, problems, sources, blocks = [] } = await read(path, load)
  const trusted = written === null ? null : await resolveTrusted(written)
  const config = trusted?.config ?? null
  const found =
    config === null
      ? []
      : [...trusted!.problems, ...(await startProblems(config)), ...tracingProblems(config)]
  const names = config === null ? [] : await resolveNames(config, systemClock)
  const all: Problem[] = [
    ...problems,
    ...found.map(({ message, about }): Problem => {
      const place = about === null ? null : placeOf(about, sources)
      return {
        severity: "error",
        ...(place ?? { file: path, line: 0, column: 0, length: 1 }),
        message,
        hint: null,
      }
    }),
    ...names.flatMap(({ name, problem }): Problem[] => {
      if (problem === null) return []
      const place = placeOf(name, sources) ?? placeOf(name.replace(/:\d+$/, ""), sources)
      return [
        {
          severity: "warning",
          ...(place ?? { file: path, line: 0, column: 0, length: 1 }),
          message: `${name}: ${problem}`,
          hint: "it is asked for again while it runs; until then calls to it fail",
        },
      ]
    }),
  ]
  const stops = all.some(({ severity }) => severity === "error" || (strict && severity === "warning"))
  return { config: stops ? null : config, problems: all, sources, blocks, names }
}

async function read(path: string, load: PrepareOptions["load"]): Promise<LoadedConfig> {
  // What reads YAML is most of what there is to load: a caller without any hands in another.
  return load === undefined ? (await import("../config/load.ts")).loadConfig(path) : load(path)
}

/** As in nginx, names of proxies that are believed are looked up once, and one that is not found is an error. */
async function resolveTrusted(config: Config): Promise<{ config: Config; problems: StartProblem[] }> {
  const problems: StartProblem[] = []
  const asked = Array.from(trustedNames(config), async (name): Promise<[string, string[]]> => {
    const found = await lookup(name, { all: true }).catch(() => [])
    const message = `host not found in set_real_ip_from "${name}"`
    if (found.length === 0) problems.push({ message, about: name })
    return [name, found.map(({ address }) => address)]
  })
  return { config: withTrusted(config, new Map(await Promise.all(asked))), problems }
}

function tracingProblems({ tracing }: Config): StartProblem[] {
  const message = tracing === null ? null : tracingProblem(tracing)
  return message === null ? [] : [{ message, about: tracing!.endpoint }]
}

/** Makes the directories of logs that are missing. What cannot be made is told when the log is opened. */
export function makeLogDirectories(config: Config): void {
  for (const directory of logDirectories(config)) {
    try {
      mkdirSync(directory, { recursive: true })
    } catch {
      // The log says which file it could not open, and why.
    }
  }
}
