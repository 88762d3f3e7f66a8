/** Any configuration file to the model: nginx.conf or sluice.yaml, told apart by name and first line. */
import { type LoadedConfig, loadWith, readWith } from "./load-with.ts"
import type { FileLook } from "./named-files.ts"
import { type ConfigFiles, diskFiles } from "./nginx/include.ts"
import type { ReadOptions } from "./nginx/read.ts"
import { loadYaml } from "./yaml/load.ts"

export type { LoadedConfig } from "./load-with.ts"

/**
 * Reads a configuration and all it includes, and looks at the files that it names. Never throws: an unreadable file is
 * a problem too.
 *
 * @param path `.yaml`, `.yml` and `.json` are Sluice's own; any other is nginx.conf, unless it begins as YAML or JSON does
 * @param look at the files that are named. Default: this machine's, where `files` are
 */
export function loadConfig(
  path: string,
  files?: ConfigFiles,
  look?: FileLook,
  options?: ReadOptions,
): LoadedConfig {
  return loadWith(loadYaml, path, files, look, options)
}

/** The configuration as it is written, whatever this machine has of the files that it names. */
export function readConfig(path: string, files: ConfigFiles = diskFiles): LoadedConfig {
  const { config, problems, sources } = readWith(loadYaml, path, files)
  return { config, problems, sources }
}
