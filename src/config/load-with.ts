/** Any configuration file to the model, by what reads YAML. */
import { accessSync, constants, statSync } from "node:fs"
import { dirname, extname } from "node:path"
import type { Config } from "./model.ts"
import { checkFiles, type FileLook, type Places, placeOf } from "./named-files.ts"
import { type ConfigFiles, decode, diskFiles } from "./nginx/include.ts"
import { type ReadOptions, readNginxConfig } from "./nginx/read.ts"
import type { Block } from "./nginx/verdicts.ts"
import type { Problem, Sources } from "./problem.ts"
import { fromDirectory } from "./yaml/file-paths.ts"

export interface LoadedConfig {
  /** Null when any problem is an error. */
  config: Config | null
  problems: Problem[]
  /** For `renderProblem`. */
  sources: Sources
  /** Of an nginx.conf: its servers and locations. */
  blocks?: readonly Block[]
}

const YAML_EXTENSIONS = new Set([".yaml", ".yml", ".json"])

/** How sluice.yaml and JSON begin, and nginx.conf cannot. */
const YAML_START = /^\ufeff?\s*(?:\{|---\s|# yaml-language-server)/

/** What reads sluice.yaml and JSON, a byte order mark gone. */
export type YamlReader = (text: string, file: string) => { config: Config | null; problems: Problem[] }

/** As `loadConfig`; without a reader of YAML every file is nginx.conf. */
export function loadWith(
  readYaml: YamlReader | null,
  path: string,
  files: ConfigFiles = diskFiles,
  look: FileLook = lookBy(files),
  options: ReadOptions = {},
): LoadedConfig {
  const { config, problems, sources, places, blocks = [] } = readWith(readYaml, path, files, options)
  if (config === null) return { config, problems, sources, blocks }
  const checked = checkFiles(config, path, { sources, places, look })
  const all = [...problems, ...checked.problems]
  const isUsable = all.every(({ severity }) => severity !== "error")
  return { config: isUsable ? checked.config : null, problems: all, sources, blocks }
}

/** As `readConfig`, with the places of what it names. */
export function readWith(
  readYaml: YamlReader | null,
  path: string,
  files: ConfigFiles,
  options: ReadOptions = {},
): LoadedConfig & { places: Places } {
  let text: string
  try {
    text = decode(files.read(path))
  } catch (error) {
    const message = `cannot read the configuration: ${(error as Error).message}`
    return { config: null, problems: [problemOf(path, message)], sources: new Map(), places: new Map() }
  }
  if (readYaml === null || !isYaml(path, text)) return readNginxConfig(text, path, files, options)
  const sources = new Map([[path, text]])
  const { config, problems } = readYaml(text.replace(/^\ufeff/, ""), path)
  if (config === null) return { config, problems, sources, places: new Map() }
  const placed = fromDirectory(config, dirname(path))
  const places = new Map<string, Pick<Problem, "file" | "line" | "column" | "length">>()
  for (const [full, written] of placed.written) {
    const place = placeOf(written, sources)
    if (place !== null) places.set(full, place)
  }
  return { config: placed.config, problems, sources, places }
}

function isYaml(path: string, text: string): boolean {
  return YAML_EXTENSIONS.has(extname(path).toLowerCase()) || YAML_START.test(text)
}

/** Whether a reader of YAML is needed for a file. It is read for that: `files` must give it again. */
export function isYamlFile(path: string, files: ConfigFiles): boolean {
  try {
    return isYaml(path, decode(files.read(path)))
  } catch {
    // Reading it says why it cannot be read.
    return false
  }
}

/** What is read comes from `files`; what is written is this machine's. */
function lookBy(files: ConfigFiles): FileLook {
  const isDirectory = (path: string): boolean =>
    statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  return {
    canRead(path) {
      try {
        files.read(path)
        return true
      } catch {
        return false
      }
    },
    isDirectory,
    writeProblem(path) {
      const stats = statSync(path, { throwIfNoEntry: false })
      return stats?.isDirectory() === true ? "it is a directory" : accessProblem(stats ? path : dirname(path))
    },
    canMakeDirectory(path) {
      let above = dirname(path)
      while (!isDirectory(above) && above !== dirname(above)) above = dirname(above)
      return accessProblem(above) === null
    },
  }
}

function accessProblem(path: string): string | null {
  try {
    accessSync(path, constants.W_OK)
    return null
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === "EACCES" || code === "EPERM" ? "permission denied" : (code ?? "it cannot be written")
  }
}

function problemOf(file: string, message: string): Problem {
  return { severity: "error", file, line: 0, column: 0, length: 1, message, hint: null }
}
