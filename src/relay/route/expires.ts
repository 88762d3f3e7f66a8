import type { StreamRecord } from "../../record/record.ts"
import { compileTemplate, type Template } from "../../record/template.ts"
import type { VariableSource } from "../../record/variable-table.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"

/** nginx's `expires` of a route: `Expires` and `Cache-Control` in place of what the answer says. */
export class Expires {
  readonly #template: Template
  /** What was made of the last text. */
  #last = ""
  #fieldsAt: ReturnType<typeof compileExpires> = null

  constructor(written: string, table: VariableSource) {
    this.#template = compileTemplate(written, "header", table)
  }

  /** @param fields of a head, names and values in turn. @returns what takes the place of those of the same names; or nothing */
  fieldsFor(fields: readonly string[], record: StreamRecord, env: TemplateEnvironment): string[] {
    const text = this.#template.constant ?? this.#template.render(record, env)
    if (text !== this.#last) {
      this.#last = text
      this.#fieldsAt = compileExpires(text)
    }
    const now = Math.floor(env.clock.wallMs() / 1000)
    return this.#fieldsAt?.(now, modifiedAt(fields)) ?? []
  }
}

/** Null: the answer does not say when it was changed. */
function modifiedAt(fields: readonly string[]): number | null {
  for (let i = 0; i < fields.length; i += 2) {
    const ms = fields[i] === "last-modified" ? Date.parse(fields[i + 1]!) : Number.NaN
    if (!Number.isNaN(ms)) return ms / 1000
  }
  return null
}

const DAY = 86_400
const NO_CACHE = "no-cache"

/** nginx's `expires`, as `Expires` and `Cache-Control`, names and values in turn. Null: it is not written so. */
export function compileExpires(
  written: string,
): ((nowSeconds: number, modifiedSeconds: number | null) => string[]) | null {
  if (written === "off") return () => []
  if (written === "epoch") return () => fieldsOf(1, NO_CACHE)
  if (written === "max") return () => fieldsOf(2_145_916_555, "max-age=315360000")
  const daily = /^@(.*)$/.exec(written)
  const [, modified, sign, text] = /^(modified )?([-+]?)(.*)$/.exec(daily?.[1] ?? written)!
  const seconds = secondsOf(text!)
  if (seconds === null || (daily !== null && (modified !== undefined || sign !== "" || seconds > DAY)))
    return null
  const offset = sign === "-" ? -seconds : seconds
  return (now, modifiedAt) => {
    const at =
      daily !== null ? nextOf(seconds, now) : (modified === undefined ? now : (modifiedAt ?? now)) + offset
    const age = at - now
    return fieldsOf(at, offset < 0 || age < 0 ? NO_CACHE : `max-age=${age}`)
  }
}

function fieldsOf(seconds: number, cacheControl: string): string[] {
  return ["expires", new Date(seconds * 1000).toUTCString(), "cache-control", cacheControl]
}

/** The next moment at which so many seconds of a day have gone, by local time. */
function nextOf(secondsOfDay: number, now: number): number {
  const date = new Date(now * 1000)
  const today = date.setHours(0, 0, secondsOfDay, 0) / 1000
  return today > now ? today : today + DAY
}

const UNITS: Record<string, number> = {
  y: 365 * DAY,
  M: 30 * DAY,
  w: 7 * DAY,
  d: DAY,
  h: 3600,
  m: 60,
  s: 1,
  "": 1,
}

/** nginx's time in seconds: `1h 30m`. */
function secondsOf(text: string): number | null {
  if (!/^(\d{1,9}[yMwdhms] ?)*(\d{1,9}[yMwdhms]?)$/.test(text)) return null
  return [...text.matchAll(/(\d+)([yMwdhms]?)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!,
    0,
  )
}
