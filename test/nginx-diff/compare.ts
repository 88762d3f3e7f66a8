import type { Mismatch, Outcome } from "./differences.ts"
import type { Seen } from "./stub.ts"

/** Of every answer, and no one's behaviour: times, names of programs, and how a message is framed on its connection. */
const IGNORED = new Set([
  "date",
  "server",
  "etag",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "last-modified",
])

export function compare(theirs: Outcome, ours: Outcome, isRaw = false): Mismatch[] {
  const [nginx, sluice] = [withoutNames(theirs), withoutNames(ours)]
  const found: Mismatch[] = []
  const differ = (what: string, one: string, other: string): void => {
    if (one !== other) found.push({ what, nginx: one, sluice: other })
  }
  differ("status", String(nginx.answer.status), String(sluice.answer.status))
  if (nginx.answer.status === 0 || sluice.answer.status === 0)
    differ("error", nginx.answer.error === "" ? "" : "none", sluice.answer.error === "" ? "" : "none")
  else differ("error", nginx.answer.error, sluice.answer.error)
  lists("header", nginx.answer.headers, sluice.answer.headers, differ)
  lists("trailer", nginx.answer.trailers, sluice.answer.trailers, differ)
  differ("body", nginx.answer.body, sluice.answer.body)
  differ("seen", String(nginx.seen.length), String(sluice.seen.length))
  const one = nginx.seen[0]
  const other = sluice.seen[0]
  // Of several at once each backend may see the other first.
  const isOne = nginx.seen.length === 1 && !isRaw
  if (isOne && one !== undefined && other !== undefined && sluice.seen.length === 1)
    compareSeen(one, other, differ)
  return found
}

function compareSeen(
  one: Seen,
  other: Seen,
  differ: (what: string, one: string, other: string) => void,
): void {
  for (const part of ["backend", "protocol", "method", "path", "body"] as const)
    differ(`seen ${part}`, one[part], other[part])
  lists("seen", one.headers, other.headers, differ)
}

type Pairs = readonly (readonly [string, string])[]

/** By name; several of one name are one text. */
function lists(
  kind: "header" | "trailer" | "seen",
  one: Pairs,
  other: Pairs,
  differ: (what: string, one: string, other: string) => void,
): void {
  const byName = (pairs: Pairs): Map<string, string> => {
    const values = new Map<string, string>()
    for (const [name, value] of pairs)
      values.set(name, values.has(name) ? `${values.get(name)} | ${value}` : value)
    return values
  }
  const a = byName(one)
  const b = byName(other)
  for (const name of new Set([...a.keys(), ...b.keys()])) {
    if (kind !== "seen" && IGNORED.has(name)) continue
    if (name === "transfer-encoding") continue
    if (name === "content-length" && (!a.has(name) || !b.has(name)) && isFramed(kind, a, b)) continue
    if (name === "expires" && isSameTime(a.get(name), b.get(name))) continue
    differ(`${kind} ${name}`, a.get(name) ?? "(none)", b.get(name) ?? "(none)")
  }
}

/** But for the time between the two runs. */
function isSameTime(one = "", other = ""): boolean {
  return Math.abs(Date.parse(one) - Date.parse(other)) < BETWEEN_RUNS_MS
}

const BETWEEN_RUNS_MS = 3_600_000

/** A length is not said of what comes in chunks, or over HTTP/2. */
function isFramed(
  kind: string,
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): boolean {
  return kind === "header" || one.has("transfer-encoding") || other.has("transfer-encoding")
}

/** What its pages call a server, ids that each makes for itself, and `$time_iso8601`. */
const OWN_NAME = /(?<=<hr><center>)(?:nginx\/[\d.]+|nginx|sluice(?:\/[\d.]+)?)(?=<\/center>)/
const ID = /^[0-9a-f]{32}$/
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d/g

/** An outcome without what is no one's behaviour. A length is that of the body without them. */
function withoutNames({ answer, seen }: Outcome): Outcome {
  const withoutIds = (pairs: Pairs): Pairs =>
    pairs.map(([name, value]) => [name, ID.test(value) ? "(an id)" : value.replace(TIME, "(a time)")])
  const body = answer.body.replace(OWN_NAME, "NAME").replace(TIME, "(a time)")
  // One to HEAD says how long a page would be; those have no length of their own to compare.
  const isPage = body !== answer.body || (body === "" && answer.status >= 300)
  const headers = withoutIds(answer.headers).filter(([name]) => !(isPage && name === "content-length"))
  return {
    answer: { ...answer, headers, body },
    seen: seen.map((each) => ({ ...each, headers: withoutIds(each.headers) })),
  }
}
