import type { Mutator } from "./mutate.ts"

/** Something that reads octets of a peer, and what must hold for all of them. */
export interface Target {
  /** Most blocks that one run may take: a run of more goes round in circles, or does work out of proportion. */
  readonly steps: { readonly base: number; readonly perOctet: number }
  /** Inputs to begin with, beside the corpus's. */
  readonly seeds: () => Iterable<Uint8Array>
  /** Beside the literals of the code under test. */
  readonly words?: readonly (string | Uint8Array)[]
  /** Knows the input's structure. Half of all mutations go through it, the others are plain. */
  readonly mutate?: Mutator
  /** Throws for a finding, and only then. */
  readonly run: (octets: Buffer) => void | Promise<void>
}

/** What is known of a target before its code, and with it the code under test, is loaded. */
export interface TargetEntry {
  /** What an input is, in one line. */
  readonly input: string
  /** What is instrumented: beginnings of paths under src. */
  readonly covers: readonly string[]
  /** Longest input. */
  readonly maxOctets: number
  /** Not one of `--target all`: what it finds needs a person to judge it. */
  readonly isOnRequest?: true
  /** What this machine lacks for it, and how to get that; null: nothing. */
  readonly missing?: () => string | null
  readonly load: () => Promise<Target>
}
