/** Work that is done in steps, each bounded: no message, however large, keeps the process from its streams. */
export interface Translation {
  /** Octets that it holds beside its input. */
  readonly heldOctets: number
  /** What the types did not have, so that it was left out; newer types may. Null: nothing. */
  readonly unknownField: string | null
  /** Goes on for about so much, in octets gone through; true once it is through. Errors: `MessageFault`. */
  step(octets: number): boolean
  /** Call once, when `step` is through. */
  finish(): Buffer
}
