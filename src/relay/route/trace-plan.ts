import type { TraceSettings } from "../../config/trace-model.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { AttemptRecord } from "../../record/record.ts"
import type { SpanWords } from "../../record/span.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import { compileTemplate, type Template } from "../../record/template.ts"
import { StreamTrace, traceParentOf, traceStateOf } from "../../record/trace.ts"
import type { VariableTable } from "../../record/variable-table.ts"
import type { Phase, RouteTrace } from "./route.ts"

/** How the calls of a route are traced, compiled: nginx's `otel_trace` and `otel_trace_context`. */
export class TracePlan implements RouteTrace {
  readonly #settings: TraceSettings
  readonly words: SpanWords
  /** Null: it is no template that decides. */
  readonly #sample: Template | null

  constructor(settings: TraceSettings, table: VariableTable) {
    const compile = (text: string): Template => compileTemplate(text, "header", table)
    this.#settings = settings
    this.#sample = settings.sample.includes("$") ? compile(settings.sample) : null
    this.words = {
      name: settings.spanName === null ? null : compile(settings.spanName),
      attributes: settings.attributes.map(([name, value]) => [name, compile(value)] as const),
    }
  }

  /** Before anything else of the route: a call that was sent here from another location keeps its trace. */
  readonly begin: Phase = ({ record }, { env }) => {
    if (record.trace !== null) return null
    const { context } = this.#settings
    const { list } = record.head
    const isContinued = context === "extract" || context === "propagate"
    const parent = isContinued ? traceParentOf(list) : null
    const state = parent === null ? "" : traceStateOf(list)
    const trace = new StreamTrace(parent, state, env.random)
    record.trace = trace
    trace.isSampled = this.#isSampled(trace, this.#sample?.render(record, env) ?? this.#settings.sample)
    return null
  }

  /** What is not sampled goes on as it came, where it has come from elsewhere. */
  inject(list: HeaderList, { trace }: NewStreamRecord, leg: AttemptRecord): HeaderList {
    const { context } = this.#settings
    if (trace === null || (context !== "inject" && context !== "propagate")) return list
    return trace.parent !== null && !trace.isSampled && !trace.parent.isSampled
      ? list
      : trace.inject(list, leg)
  }

  #isSampled({ parent, traceId }: StreamTrace, said: string): boolean {
    if (said !== "parent") return said === "on" || said === "1" || said === "true"
    if (parent !== null) return parent.isSampled
    // By the digits that W3C wants to be random: all who decide by a share of traces decide alike.
    return Number.parseInt(traceId.slice(-13), 16) < this.#settings.ratio * 2 ** 52
  }
}
