/** What in an `upstream` block says how servers are chosen. */
import type { ClusterConfig, PolicyConfig, ResponseMeasure } from "../../model.ts"
import type { Directive, Word } from "../ast.ts"
import type { Scope } from "../scope.ts"
import { readNumber } from "../units.ts"
import type { Adapter } from "./adapter.ts"
import { adaptSticky } from "./sticky.ts"

/** A balancing method: the policy that its directive means, null where it is wrong. */
type ReadMethod = (adapter: Adapter, directive: Directive) => PolicyConfig | null

const METHODS: Readonly<Record<string, ReadMethod>> = {
  least_conn: () => ({ name: "least_streams" }),
  ip_hash: () => ({ name: "ip_hash" }),
  hash: readHash,
  random: readRandom,
  least_time: readLeastTime,
  grpc_hash: readOwnHash,
}

/** Of a server behind them these are errors, as in nginx. */
const WITHOUT_BACKUP: ReadonlySet<string> = new Set(["hash", "ip_hash", "random", "grpc_hash"])

/**
 * Sets the policy of `cluster`: the last method is in force. Returns the servers whose method, the last before them, takes
 * neither `backup` nor `slow_start`: behind them nginx takes both.
 */
export function adaptBalancing(
  adapter: Adapter,
  scope: Scope,
  cluster: ClusterConfig,
): ReadonlySet<Directive> {
  const strict = new Set<Directive>()
  let method: string | null = null
  for (const directive of scope.directives) {
    const name = directive.name.text
    if (name === "sticky") {
      cluster.sticky = adaptSticky(adapter, directive)
      continue
    }
    const read = Object.hasOwn(METHODS, name) ? METHODS[name]! : null
    if (name === "server" && method !== null && WITHOUT_BACKUP.has(method)) strict.add(directive)
    if (read === null) continue
    if (method !== null)
      adapter.report.warning(
        directive.name.span,
        "load balancing method redefined",
        `${method} stands before`,
      )
    if (cluster.sticky !== null) {
      const hint = "sticky stands before, and is lost: nginx takes it behind the method"
      adapter.report.warning(directive.name.span, "load balancing method redefined", hint)
      cluster.sticky = null
    }
    method = name
    const policy = read(adapter, directive)
    if (policy !== null) cluster.policy = policy
  }
  return strict
}

function readHash(adapter: Adapter, { args }: Directive): PolicyConfig | null {
  const [key, consistent] = args as [Word, ...Word[]]
  if (consistent !== undefined && consistent.text !== "consistent") return invalid(adapter, consistent)
  if (!adapter.variables.check(key, adapter.report)) return null
  return { name: consistent === undefined ? "nginx_hash" : "nginx_consistent_hash", key: key.text }
}

function readRandom(adapter: Adapter, { args }: Directive): PolicyConfig | null {
  const [two, method] = args
  if (two === undefined) return { name: "random" }
  if (two.text !== "two") return invalid(adapter, two)
  if (method === undefined || method.text === "least_conn") return { name: "random_two", by: "streams" }
  const by = measureOf(adapter, /^least_time=(.*)$/.exec(method.text)?.[1])
  return by === undefined ? invalid(adapter, method) : { name: "random_two", by }
}

/** Of HTTP, and of TCP. */
const MEASURES: Readonly<Record<Adapter["protocol"], ReadonlyMap<string, ResponseMeasure>>> = {
  http: new Map([
    ["header", "header_time"],
    ["last_byte", "last_byte_time"],
  ]),
  tcp: new Map([
    ["connect", "connect_time"],
    ["first_byte", "header_time"],
    ["last_byte", "last_byte_time"],
  ]),
}

function measureOf({ protocol }: Adapter, until: string | undefined): ResponseMeasure | undefined {
  return until === undefined ? undefined : MEASURES[protocol].get(until)
}

function readLeastTime(adapter: Adapter, { args }: Directive): PolicyConfig | null {
  const [until, inflight] = args as [Word, ...Word[]]
  const by = measureOf(adapter, until.text)
  if (by === undefined) return invalid(adapter, until)
  if (inflight !== undefined && inflight.text !== "inflight") return invalid(adapter, inflight)
  return { name: "peak_ewma", by, inflight: inflight !== undefined }
}

function readOwnHash(adapter: Adapter, { args }: Directive): PolicyConfig | null {
  const [key, ...parameters] = args as [Word, ...Word[]]
  const right = adapter.variables.check(key, adapter.report)
  let name: "ring_hash" | "maglev" = "ring_hash"
  let balanceFactorPercent: number | null = null
  for (const word of parameters) {
    if (word.text === "ring" || word.text === "maglev") name = word.text === "ring" ? "ring_hash" : "maglev"
    else {
      const percent = readNumber(/^balance_factor=(.*)$/.exec(word.text)?.[1] ?? "")
      if (percent === null || percent < 100 || percent > 100_000)
        return invalid(adapter, word, "ring, maglev, or balance_factor= with percent from 100")
      balanceFactorPercent = percent
    }
  }
  return right ? { name, key: key.text, balanceFactorPercent } : null
}

function invalid(adapter: Adapter, word: Word, hint: string | null = null): null {
  adapter.report.error(word.span, `invalid parameter "${word.text}"`, hint)
  return null
}
