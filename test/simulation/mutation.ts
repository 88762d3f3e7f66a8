/** `find`, which must stand in the file exactly once, becomes `replace`. */
export interface Change {
  readonly find: string
  readonly replace: string
}

/** Runs of their own, beside those of all balancing. */
export type World = "continuity" | "rebalance"

/** A bug to plant: a change of `file` under src, and where one does not do, another. */
export interface Mutation extends Change {
  readonly name: string
  /** What goes wrong, for docs/simulation.md. */
  readonly bug: string
  readonly file: string
  readonly also?: Change
  /** Where it is looked for, where that is not the runs of all balancing. */
  readonly world?: World
}
