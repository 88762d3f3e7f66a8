import { extname } from "node:path"
import { fileURLToPath } from "node:url"

/**
 * The path of a program beside the module at `moduleUrl`, to be run in a process or a thread of its own. `file` is its source,
 * `./name.ts`; in the package it ends as the module does.
 */
export function programFile(file: string, moduleUrl: string): string {
  const path = fileURLToPath(new URL(file, moduleUrl))
  return path.replace(/\.ts$/, extname(fileURLToPath(moduleUrl)))
}
