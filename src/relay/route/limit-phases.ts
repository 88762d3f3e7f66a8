import { counterIds } from "../../base/counters.ts"
import type { Deadline, TimerWheel } from "../../base/timer-wheel.ts"
import type { RequestLimits, StreamLimits } from "../../config/model.ts"
import { type Failure, failure } from "../../record/failure.ts"
import { stateOf } from "../../record/request-state.ts"
import type { Phase, PhaseContext, PhasedCall, Verdict, Wait } from "./route.ts"
import type { Zone } from "./zone.ts"
import type { ZoneTable } from "./zone-table.ts"

/** Longer keys are not counted: nginx's bounds. */
const KEY_OCTETS_MAX = { requests: 65_535, streams: 255 }

/** nginx: `limit_req`. Of several limits the request has to keep all, and the longest delay counts. */
export function limitRequests(config: RequestLimits, zoneOf: (name: string) => Zone): Phase {
  const limits = config.limits.map((limit) => {
    const delayMax = limit.delay === null ? Number.POSITIVE_INFINITY : limit.delay * 1000
    return { zone: zoneOf(limit.zone), burst: limit.burst * 1000, delayMax }
  })
  return ({ record }, { env, counters, log, deadlines }) => {
    const state = stateOf(record)
    if (state.limitReqStatus !== null || state.isSubrequest) return null
    const nowMs = env.clock.wallMs()
    const counted: { zone: Zone; key: string; delayMax: number }[] = []
    for (const { zone, burst, delayMax } of limits) {
      const key = zone.key.render(record, env)
      if (key === "" || key.length > KEY_OCTETS_MAX.requests) continue
      const excess = zone.table.excess(key, zone.rate, nowMs, false)
      if (excess <= burst) {
        counted.push({ zone, key, delayMax })
        continue
      }
      const said = { zone: zone.name, excess: excess / 1000, client: record.connection.remoteAddress }
      log.warn(config.dryRun ? "limiting requests, dry run" : "limiting requests", said)
      state.limitReqStatus = config.dryRun ? "REJECTED_DRY_RUN" : "REJECTED"
      if (config.dryRun) return null
      counters.add(counterIds.requests_limited)
      return {
        ...failure("request_limit", `more requests than zone ${zone.name} lets in`, true),
        httpStatus: config.status,
      }
    }
    if (counted.length === 0) return null
    let delayMs = 0
    for (const { zone, key, delayMax } of counted) {
      const excess = zone.table.excess(key, zone.rate, nowMs, true)
      if (excess > delayMax) delayMs = Math.max(delayMs, ((excess - delayMax) * 1000) / zone.rate)
    }
    state.limitReqStatus = delayMs < 1 ? "PASSED" : config.dryRun ? "DELAYED_DRY_RUN" : "DELAYED"
    return delayMs < 1 || config.dryRun ? null : after(Math.floor(delayMs), deadlines)
  }
}

function after(delayMs: number, deadlines: TimerWheel): Wait {
  return {
    kind: "wait",
    begin(done: (verdict: Verdict | null) => void) {
      const due: Deadline = { onDue: () => done(null), slot: -1, dueTick: 0, next: null, previous: null }
      deadlines.set(due, delayMs)
      return () => deadlines.cancel(due)
    },
  }
}

/** nginx: `limit_conn`, of streams: each request counts until it is over. */
export function limitStreams(
  config: StreamLimits,
  zoneOf: (name: string) => Zone,
): (
  call: Pick<PhasedCall, "record" | "atEnd">,
  context: Pick<PhaseContext, "env" | "counters" | "log">,
) => Failure | null {
  const limits = config.limits.map(({ zone, most }) => ({ zone: zoneOf(zone), most }))
  return (call, { env, counters, log }) => {
    const { record } = call
    const state = stateOf(record)
    if (state.limitConnStatus !== null || state.isSubrequest) return null
    const nowMs = env.clock.wallMs()
    const taken: { table: ZoneTable; key: string }[] = []
    for (const { zone, most } of limits) {
      const key = zone.key.render(record, env)
      if (key === "" || key.length > KEY_OCTETS_MAX.streams) continue
      if (zone.table.tryAdd(key, most, nowMs)) {
        taken.push({ table: zone.table, key })
        continue
      }
      for (const one of taken) one.table.subtract(one.key)
      state.limitConnStatus = config.dryRun ? "REJECTED_DRY_RUN" : "REJECTED"
      const said = { zone: zone.name, client: record.connection.remoteAddress }
      log.warn(config.dryRun ? "limiting streams, dry run" : "limiting streams", said)
      if (config.dryRun) return null
      counters.add(counterIds.streams_limited)
      return {
        ...failure("stream_limit", `more streams than zone ${zone.name} lets in`, true),
        httpStatus: config.status,
      }
    }
    if (taken.length === 0) return null
    state.limitConnStatus = "PASSED"
    call.atEnd(() => {
      for (const { table, key } of taken) table.subtract(key)
    })
    return null
  }
}
