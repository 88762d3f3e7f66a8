/** Any configuration file to the model: nginx.conf or sluice.yaml, told apart by name. */
import { extname } from "node:path"
import type { Config } from "./model.ts"
import { type ConfigFiles, decode, diskFiles } from "./nginx/include.ts"
import { readNginxConfig } from "./nginx/read.ts"
import type { Problem, Sources } from "./problem.ts"
import { loadYaml } from "./yaml/load.ts"

export interface LoadedConfig {
  /** Null when any problem is an error. */
  config: Config | null
  problems: Problem[]
  /** For `renderProblem`. */
  sources: Sources
}

const YAML_EXTENSIONS = new Set([".yaml", ".yml", ".json"])

/**
 * Reads a configuration and all it includes. Never throws: an unreadable file is a problem too.
 *
 * @param path `.yaml`, `.yml` and `.json` are Sluice's own; anything else is nginx.conf
 */
export function loadConfig(path: string, files: ConfigFiles = diskFiles): LoadedConfig {
  let text: string
  try {
    text = decode(files.read(path))
  } catch (error) {
    const message = `cannot read the configuration: ${(error as Error).message}`
    const problem: Problem = {
      severity: "error",
      file: path,
      line: 0,
      column: 0,
      length: 1,
      message,
      hint: null,
    }
    return { config: null, problems: [problem], sources: new Map() }
  }
  if (!YAML_EXTENSIONS.has(extname(path).toLowerCase())) return readNginxConfig(text, path, files)
  return { ...loadYaml(text.replace(/^\ufeff/, ""), path), sources: new Map([[path, text]]) }
}
