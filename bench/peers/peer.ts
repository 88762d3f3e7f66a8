/**
 * A proxy under test.
 *
 * `direct` is no proxy at all, `floor` one that reads no HTTP/2, `rival` what Sluice is compared with.
 */
export type PeerKind = "direct" | "floor" | "rival" | "sluice"

export interface Peer {
  /** As `--peer` names it. */
  readonly name: string
  readonly kind: PeerKind
  /** What it is, with its version. */
  readonly title: string
  /** The configuration's name; `conf/<name>.template` is filled in. Null for `direct`. */
  readonly template: string | null
  /** Further files beside it, by the same rule. */
  readonly more?: readonly string[]
  /** Made to be compared with its plain self: takes part only where that is the question, or where asked for. */
  readonly variant?: "log" | "continuity"
  /** Data threads; 1 when absent. */
  readonly threads?: number
  /** Write an access log (to a file, with the defaults). Off when absent. */
  readonly accessLog?: boolean
  /** `grpc_continuity`, a whole directive; none when absent. */
  readonly continuity?: string
  /** argv, given the path of the filled-in configuration. */
  command(configuration: string): string[]
}

/** A peer that is not on this machine, and what would bring it here. */
export interface Missing {
  readonly name: string
  readonly how: string
}

export function isMissing(found: Peer | Missing): found is Missing {
  return "how" in found
}
