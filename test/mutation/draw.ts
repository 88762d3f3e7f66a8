import { createHash } from "node:crypto"
import { describeChange, type Mutant } from "./instrument.ts"

/**
 * So many of `mutants`, at random by the seed. Each is drawn by what it changes, not by its number: another change of the
 * source leaves most of a sample as it was, and what is known of it is of use.
 */
export function drawn(mutants: readonly Mutant[], many: number, seed: number): Mutant[] {
  const times = new Map<string, number>()
  return mutants
    .map((mutant) => {
      const name = `${mutant.file} ${describeChange(mutant)}`
      const before = times.get(name) ?? 0
      times.set(name, before + 1)
      return { mutant, at: createHash("sha256").update(`${seed} ${before} ${name}`).digest("hex") }
    })
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .slice(0, many)
    .map(({ mutant }) => mutant)
}
