/** Any configuration file to the model: nginx.conf or sluice.yaml, told apart by name and first line. */
import { extname } from "node:path"
import { type FileLook, missingFiles } from "./missing-files.ts"
import type { Config } from "./model.ts"
import { type ConfigFiles, decode, diskFiles } from "./nginx/include.ts"
import { readNginxConfig } from "./nginx/read.ts"
import type { Problem, Sources } from "./problem.ts"
import { tlsBehindProxy } from "./tls-behind-proxy.ts"
import { loadYaml } from "./yaml/load.ts"

export interface LoadedConfig {
  /** Null when any problem is an error. */
  config: Config | null
  problems: Problem[]
  /** For `renderProblem`. */
  sources: Sources
}

const YAML_EXTENSIONS = new Set([".yaml", ".yml", ".json"])

/** How sluice.yaml and JSON begin, and nginx.conf cannot. */
const YAML_START = /^\ufeff?\s*(?:\{|---\s|# yaml-language-server)/

/**
 * Reads a configuration and all it includes. Never throws: an unreadable file is a problem too.
 *
 * @param path `.yaml`, `.yml` and `.json` are Sluice's own; any other is nginx.conf, unless it begins as YAML or JSON does
 */
export function loadConfig(path: string, files: ConfigFiles = diskFiles): LoadedConfig {
  let text: string
  try {
    text = decode(files.read(path))
  } catch (error) {
    const message = `cannot read the configuration: ${(error as Error).message}`
    return { config: null, problems: [problemOf(path, message)], sources: new Map() }
  }
  const isYaml = YAML_EXTENSIONS.has(extname(path).toLowerCase()) || YAML_START.test(text)
  const loaded = isYaml
    ? { ...loadYaml(text.replace(/^\ufeff/, ""), path), sources: new Map([[path, text]]) }
    : readNginxConfig(text, path, files)
  return withProblemsOfStart(loaded, path, files)
}

/** What would keep it from starting, or would be missing then, whatever it was written in. */
function withProblemsOfStart(loaded: LoadedConfig, path: string, files: ConfigFiles): LoadedConfig {
  const { config, problems, sources } = loaded
  if (config === null) return loaded
  const errors = [tlsBehindProxy(config)].filter((message) => message !== null)
  const known = new Set(problems.map(({ message }) => message))
  const missing = missingFiles(config, path, sources, lookBy(files))
  return {
    config: errors.length > 0 ? null : config,
    problems: [
      ...problems,
      ...errors.map((message) => problemOf(path, message)),
      ...missing.filter(({ message }) => !known.has(message)),
    ],
    sources,
  }
}

function lookBy(files: ConfigFiles): FileLook {
  return {
    canRead(path) {
      try {
        files.read(path)
        return true
      } catch {
        return false
      }
    },
    isDirectory: (path) => files.isDirectory?.(path) ?? true,
  }
}

function problemOf(file: string, message: string): Problem {
  return { severity: "error", file, line: 0, column: 0, length: 1, message, hint: null }
}
