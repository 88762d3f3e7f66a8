import { basename, extname } from "node:path"
import { getAsset, isSea } from "node:sea"
import { fileURLToPath } from "node:url"

/** Stands before a program's name on the command line of the single executable, which holds them all. */
export const OWN_PROGRAM = "sluice-program:"

/** The asset of the single executable that holds its own code, for threads. */
export const OWN_CODE = "sluice.cjs"

/**
 * The path of a program beside the module at `moduleUrl`, to be run in a process or a thread of its own. `file` is its source,
 * `./name.ts`; in the package it ends as the module does.
 */
export function programFile(file: string, moduleUrl: string): string {
  const path = fileURLToPath(new URL(file, moduleUrl))
  return path.replace(/\.ts$/, extname(fileURLToPath(moduleUrl)))
}

/** The first argument of `process.execPath` that has it run the program `file`, as of `programFile`, in a process. */
export function programArgument(file: string, moduleUrl: string): string {
  return isSea() ? `${OWN_PROGRAM}${basename(file, ".ts")}` : programFile(file, moduleUrl)
}

/** What a Worker is given to run the program `file`: its path, or with `eval` the code of the single executable. */
export function threadProgram(file: string, moduleUrl: string): { program: string; eval: boolean } {
  return isSea()
    ? { program: getAsset(OWN_CODE, "utf8"), eval: true }
    : { program: programFile(file, moduleUrl), eval: false }
}
