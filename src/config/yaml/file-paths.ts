import { isAbsolute, join, resolve } from "node:path"
import type { Config } from "../model.ts"

/** Keys that hold the path of a file, besides those of logs and of files of endpoints: `certFile`, `pidFile` and so on. */
const FILE_KEY = /^(descriptorSet|kubeconfig|[a-z]\w*File|root)$/

/** What stands for no file. */
const NO_FILE = /^(stderr|$|\$)|^(engine|data|store):/

/**
 * The configuration with its files' paths taken from `directory`, as nginx takes those of nginx.conf from the file's.
 * `written`: how each path that changed was written. One with variables is absolute then, for what they come to may not
 * climb out of it.
 */
export function fromDirectory(
  config: Config,
  directory: string,
): { config: Config; written: Map<string, string> } {
  const written = new Map<string, string>()
  const pathOf = (text: string): string => {
    if (isAbsolute(text) || NO_FILE.test(text)) return text
    const path = text.includes("$") ? resolve(directory, text) : join(directory, text)
    if (path === text) return text
    written.set(path, text)
    return path
  }
  const taken = (value: unknown, isLog: boolean): unknown => {
    if (Array.isArray(value)) return value.map((each) => taken(each, isLog))
    if (typeof value !== "object" || value === null) return value
    const hasPath = isLog || ("kind" in value && value.kind === "file")
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => {
        const isPath = typeof each === "string" && (FILE_KEY.test(key) || (hasPath && key === "path"))
        return [key, isPath ? pathOf(each) : taken(each, key === "log" || key === "accessLogs")]
      }),
    )
  }
  return { config: taken(config, false) as Config, written }
}
