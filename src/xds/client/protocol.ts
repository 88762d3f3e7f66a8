import type { Any } from "@bufbuild/protobuf/wkt"
import { CLUSTER, type DataPlaneType, LISTENER } from "../type-urls.ts"

/** One resource as it came. */
export interface ReceivedResource {
  /** Empty: its octets say. */
  readonly name: string
  readonly version: string
  /** Null: it only lives on. */
  readonly octets: Any | null
}

/** One response of the control plane. */
export interface AdsUpdate {
  readonly type: DataPlaneType
  readonly version: string
  readonly nonce: string
  readonly resources: readonly ReceivedResource[]
  readonly removed: readonly string[]
  /** These are all that there are: what is missing is gone. */
  readonly isWhole: boolean
  /** As the control plane calls itself; empty: it does not. */
  readonly from: string
}

/**
 * What a client says on an ADS stream, and how it reads what it hears: state of the world, or deltas. No socket here, and no
 * judgement of resources. It outlives streams: `reopen` begins the next with what is known.
 */
export interface AdsProtocol {
  /** The method's path. */
  readonly method: string
  /** Messages that begin a new stream. */
  reopen(): Uint8Array[]
  /** All names of a type that are wanted from now on; null: all that there are. */
  want(type: DataPlaneType, names: ReadonlySet<string> | null): Uint8Array[]
  /** Null: of a type that was not asked for. Errors: throws, in a sentence, on what cannot be read. */
  receive(octets: Uint8Array): AdsUpdate | null
  /** It was taken whole: `kept` are the names that now hold. */
  ack(update: AdsUpdate): Uint8Array[]
  /** Some or all of it was refused. `refused`: by name. */
  nack(update: AdsUpdate, detail: string, refused: ReadonlySet<string>): Uint8Array[]
}

/** Responses of these have all that there is. */
export const WHOLE: ReadonlySet<DataPlaneType> = new Set<DataPlaneType>([CLUSTER, LISTENER])

/** `INVALID_ARGUMENT`: what a NACK's `error_detail` has for its code. */
export const INVALID_ARGUMENT = 3
