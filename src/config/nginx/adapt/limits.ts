/** `limit_req`, `limit_conn` and their zones. */
import type { MessageLimit, RequestLimits, StreamLimits, ZoneConfig } from "../../model.ts"
import { didYouMean } from "../../problem.ts"
import { type ZoneKind, zoneKindOf } from "../../shared-model.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import type { Scope } from "../scope.ts"
import { readNumber, readSize } from "../units.ts"
import type { Adapter } from "./adapter.ts"

const ZONE_WORDS: Record<ZoneKind, string> = {
  requests: "limit_req_zone",
  streams: "limit_conn_zone",
  messages: "limit_message_zone",
}

/** nginx refuses smaller ones. */
const ZONE_OCTETS_MIN = 32 * 1024

export function adaptZones(adapter: Adapter, http: Scope): ZoneConfig[] {
  const written = (Object.keys(ZONE_WORDS) as ZoneKind[]).flatMap((kind) =>
    http.own(ZONE_WORDS[kind]).map((directive) => ({ kind, directive })),
  )
  const zones = written.flatMap(({ kind, directive }) => adaptZone(adapter, directive, kind))
  for (const [index, { name }] of zones.entries()) {
    const isFirst = zones.findIndex((zone) => zone.name === name) === index
    const directive = written[index]?.directive
    if (!isFirst && directive !== undefined)
      adapter.report.error(spanOf(directive), `zone "${name}" is already bound`)
  }
  return zones
}

function adaptZone({ report, variables }: Adapter, directive: Directive, kind: ZoneKind): ZoneConfig[] {
  const hasRate = kind === "requests"
  const [key, ...parameters] = directive.args as [Word, ...Word[]]
  const zone: ZoneConfig = { name: "", key: key.text, octets: 0, rate: hasRate ? 1 : null }
  if (kind === "messages") zone.ofMessages = true
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
    return hasZone(adapter, directive, limit.zone, "requests") ? [limit] : []
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
    return hasZone(adapter, directive, zone.text, "streams") && number
      ? [{ zone: zone.text, most: number }]
      : []
  })
  return {
    limits,
    status: statusOf(adapter, scope, "limit_conn_status"),
    dryRun: isOn(scope, "limit_conn_dry_run"),
  }
}

/** `limit_messages`, `limit_message_octets`: Sluice's own. */
export function adaptMessageLimits(adapter: Adapter, scope: Scope): MessageLimit[] {
  return [
    ...scope.all("limit_messages").map((directive) => ({ directive, counts: "messages" as const })),
    ...scope.all("limit_message_octets").map((directive) => ({ directive, counts: "octets" as const })),
  ].flatMap(({ directive, counts }) => {
    if (directive.args[0]!.text === "off") return []
    const amount = counts === "messages" ? readNumber : readSize
    const limit: MessageLimit = { from: "client", counts, rate: 0, burst: 0, zone: null }
    for (const { text, span } of directive.args) {
      const [, key, value = "", unit] = /^(rate|burst|zone|from)=([^/]*)(?:\/([sm]))?$/.exec(text) ?? []
      const number = amount(value)
      if (key === "zone" && unit === undefined) limit.zone = value
      else if (text === "from=client" || text === "from=backend") limit.from = value as MessageLimit["from"]
      else if (key === "rate" && unit !== undefined && number) limit.rate = number / (unit === "m" ? 60 : 1)
      else if (key === "burst" && unit === undefined && number !== null) limit.burst = number
      else adapter.report.error(span, `invalid parameter "${text}"`)
    }
    if (limit.rate === 0)
      adapter.report.error(
        spanOf(directive),
        `"${directive.name.text}" must have "rate" parameter`,
        "rate=10/s",
      )
    return limit.zone === null || hasZone(adapter, directive, limit.zone, "messages") ? [limit] : []
  })
}

function hasZone({ report, zones }: Adapter, directive: Directive, name: string, kind: ZoneKind): boolean {
  const known = zones.filter((zone) => zoneKindOf(zone) === kind).map((zone) => zone.name)
  if (known.includes(name)) return true
  if (name === "") report.error(spanOf(directive), `"${directive.name.text}" must have "zone" parameter`)
  else report.error(spanOf(directive), `unknown ${ZONE_WORDS[kind]} "${name}"`, didYouMean(name, known))
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
