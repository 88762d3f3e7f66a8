/** `limit_req`, `limit_conn` and their zones. */
import type { RequestLimits, StreamLimits, ZoneConfig } from "../../model.ts"
import { didYouMean } from "../../problem.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import type { Scope } from "../scope.ts"
import { readNumber, readSize } from "../units.ts"
import type { Adapter } from "./adapter.ts"

/** nginx refuses smaller ones. */
const ZONE_OCTETS_MIN = 32 * 1024

export function adaptZones(adapter: Adapter, http: Scope): ZoneConfig[] {
  const requests = http.own("limit_req_zone").flatMap((directive) => adaptZone(adapter, directive, true))
  const streams = http.own("limit_conn_zone").flatMap((directive) => adaptZone(adapter, directive, false))
  const zones = [...requests, ...streams]
  for (const [index, { name }] of zones.entries()) {
    const isFirst = zones.findIndex((zone) => zone.name === name) === index
    const directive = [...http.own("limit_req_zone"), ...http.own("limit_conn_zone")][index]
    if (!isFirst && directive !== undefined)
      adapter.report.error(spanOf(directive), `zone "${name}" is already bound`)
  }
  return zones
}

function adaptZone({ report, variables }: Adapter, directive: Directive, hasRate: boolean): ZoneConfig[] {
  const [key, ...parameters] = directive.args as [Word, ...Word[]]
  const zone: ZoneConfig = { name: "", key: key.text, octets: 0, rate: hasRate ? 1 : null }
  let isRight = variables.check(key, report)
  for (const { text, span } of parameters) {
    const [, name, size] = /^zone=([^:]+):(.+)$/.exec(text) ?? []
    const [, rate, unit] = /^rate=(\d+)r\/([sm])$/.exec(text) ?? []
    if (name !== undefined) {
      zone.name = name
      zone.octets = readSize(size!) ?? 0
      if (zone.octets >= ZONE_OCTETS_MIN) continue
      report.error(span, `zone "${name}" is too small`, "at least 32k")
    } else if (hasRate && rate !== undefined && Number(rate) > 0) {
      zone.rate = Number(rate) / (unit === "m" ? 60 : 1)
      continue
    } else report.error(span, `invalid parameter "${text}"`)
    isRight = false
  }
  if (isRight && zone.name === "")
    report.error(spanOf(directive), `"${directive.name.text}" must have "zone" parameter`)
  return isRight && zone.name !== "" ? [zone] : []
}

export function adaptRequestLimits(adapter: Adapter, scope: Scope): RequestLimits {
  const limits = scope.all("limit_req").flatMap((directive) => {
    const limit: RequestLimits["limits"][number] = { zone: "", burst: 0, delay: 0 }
    for (const { text, span } of directive.args) {
      const [, key, value] = /^(zone|burst|delay)=(.*)$/.exec(text) ?? []
      if (key === "zone") limit.zone = value!
      else if (key !== undefined && readNumber(value!) !== null) limit[key as "burst"] = readNumber(value!)!
      else if (text === "nodelay") limit.delay = null
      else adapter.report.error(span, `invalid parameter "${text}"`)
    }
    return hasZone(adapter, directive, limit.zone, true) ? [limit] : []
  })
  return {
    limits,
    status: statusOf(adapter, scope, "limit_req_status"),
    dryRun: isOn(scope, "limit_req_dry_run"),
  }
}

export function adaptStreamLimits(adapter: Adapter, scope: Scope): StreamLimits {
  const limits = scope.all("limit_conn").flatMap((directive) => {
    const [zone, most] = directive.args as [Word, Word]
    const number = readNumber(most.text)
    if (number === null || number === 0)
      adapter.report.error(most.span, `invalid number of connections "${most.text}"`)
    return hasZone(adapter, directive, zone.text, false) && number ? [{ zone: zone.text, most: number }] : []
  })
  return {
    limits,
    status: statusOf(adapter, scope, "limit_conn_status"),
    dryRun: isOn(scope, "limit_conn_dry_run"),
  }
}

function hasZone({ report, zones }: Adapter, directive: Directive, name: string, hasRate: boolean): boolean {
  const zone = zones.find((each) => each.name === name)
  if (zone !== undefined && (zone.rate !== null) === hasRate) return true
  const known = zones.filter(({ rate }) => (rate !== null) === hasRate).map((each) => each.name)
  const what = hasRate ? "limit_req_zone" : "limit_conn_zone"
  if (name === "") report.error(spanOf(directive), `"${directive.name.text}" must have "zone" parameter`)
  else report.error(spanOf(directive), `unknown ${what} "${name}"`, didYouMean(name, known))
  return false
}

function statusOf({ report }: Adapter, scope: Scope, name: string): number {
  const word = scope.one(name)?.args[0]
  const status = word === undefined ? 503 : readNumber(word.text)!
  if (word !== undefined && (status < 400 || status > 599))
    report.error(word.span, `"${name}" must be between 400 and 599`)
  return status
}

function isOn(scope: Scope, name: string): boolean {
  return scope.one(name)?.args[0]?.text.toLowerCase() === "on"
}
