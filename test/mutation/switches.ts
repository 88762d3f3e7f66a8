import { SWITCHES } from "./instrument.ts"

/** Thrown in a loop that takes far longer than it did without a mutant. */
export class TooManySteps extends Error {
  override readonly name = "TooManySteps"
}

/** No mutant: the code as it is. */
export const NONE = -1

let seen = new Uint8Array(0)
let active = NONE
let stepsLeft = Number.POSITIVE_INFINITY
let steps = 0

function isOn(id: number): boolean {
  seen[id] = 1
  return id === active
}

function step(): void {
  steps++
  if (--stepsLeft < 0) throw new TooManySteps("a loop does not end")
}

/** Puts what modules with mutants call where they find it; `mutants` is how many there are at most. */
export function installSwitches(mutants: number): void {
  seen = new Uint8Array(mutants)
  Object.assign(globalThis, { [SWITCHES]: { isOn, step } })
}

/** Switches one mutant on, and all others off. */
export function activate(id: number): void {
  active = id
}

/** From now on so many turns of loops may come; returns how many there were since the last call. */
export function allowSteps(most: number): number {
  const before = steps
  steps = 0
  stepsLeft = most
  return before
}

/** The mutants whose place was reached since the last call. */
export function takeSeen(): number[] {
  const ids: number[] = []
  for (let id = seen.indexOf(1); id >= 0; id = seen.indexOf(1, id + 1)) ids.push(id)
  seen.fill(0)
  return ids
}
