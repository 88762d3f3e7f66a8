import { readFileSync } from "node:fs"
import { type Mutant, withMutants } from "./instrument.ts"

const ROOT = new URL("../../", import.meta.url)

/** Every mutant of these files, numbered from 0 on, and the text that holds them by path. */
export function readTargets(files: readonly string[]): { mutants: Mutant[]; texts: Map<string, string> } {
  const mutants: Mutant[] = []
  const texts = new Map<string, string>()
  for (const file of files) {
    const text = readFileSync(new URL(file, ROOT), "utf8")
    const made = withMutants(file, text, mutants.length)
    mutants.push(...made.mutants)
    texts.set(file, made.text)
  }
  return { mutants, texts }
}
