import type { Placed } from "../../base/roster.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import type { StreamOwner } from "../call/stream-owner.ts"
import type { OpenListener } from "./listener-view.ts"

/** A client's connection, whatever it speaks. */
export interface ClientConnection extends Placed {
  readonly record: ConnectionRecord
  /** Where it came in. */
  readonly openListener: Pick<OpenListener, "config">
  /** Streams under way. */
  readonly streams: Iterable<StreamOwner>
  /** Held for the client and no stream's any more: heads and trailers that it does not read. */
  readonly overflowOctets: number
  /** Once a second. */
  tick(nowMs: number): void
  /** Takes no new streams and ends once the last is over. */
  drain(): void
  /** It is old: as `drain`, but an idle one stays until its next answer can say so. Absent: `drain` itself can. */
  retire?(): void
  /** Ends what is still open, each stream with UNAVAILABLE, then the connection. */
  abort(reason: string): void
  /** Ends it at once, with all that it holds. */
  cut(reason: string): void
}
