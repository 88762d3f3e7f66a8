import type { Cluster } from "../../../cluster/cluster.ts"
import type { BufferBudget } from "../../../http2/buffer-budget.ts"
import type { HeaderList } from "../../../http2/header-list.ts"
import type { Failure } from "../../../record/failure.ts"
import type { NewStreamRecord } from "../../../record/stream-record.ts"
import type { TemplateEnvironment } from "../../../record/variables.ts"
import type { TakeoverPace } from "../../pacing/takeover-pace.ts"
import type { Route } from "../../route/route.ts"
import type { LegConnection } from "../../upstream/leg-connection.ts"
import type { Leg } from "../leg.ts"
import type { LegContext } from "../leg-context.ts"
import type { LegEnd } from "../leg-end.ts"
import type { DownstreamStream } from "../stream-owner.ts"
import type { LogCells } from "./log-cells.ts"

export interface ContinuityContext extends LegContext {
  readonly budget: BufferBudget
  readonly env: TemplateEnvironment
  readonly takeoverPace: TakeoverPace
  readonly logCells: LogCells
}

/** The call that is to go on. */
export interface ContinuedCall {
  readonly context: ContinuityContext
  readonly downstream: DownstreamStream
  readonly record: NewStreamRecord
  readonly route: Route
  readonly cluster: Cluster<LegConnection> | null
  /** The present leg, or the last one. */
  readonly leg: Leg | null
  /** The present leg; null: there is none. */
  readonly paced: Leg | null
  /** Picks the next leg and begins it. */
  openLeg(last: Failure | null): void
  onLegTrailers(leg: Leg, list: HeaderList): void
  /** Whether another leg follows, which is then opened. */
  goesOn(leg: Leg, end: LegEnd): boolean
  /** Ends the present leg, and tells the client. */
  endWith(what: Failure, end: LegEnd): void
  fail(what: Failure): void
}
