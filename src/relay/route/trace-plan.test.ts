import { describe, expect, test } from "vitest"
import { attemptRecord, streamRecord, templateEnvironment } from "../../../test/support/stream-record.ts"
import type { TraceSettings } from "../../config/trace-model.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { makeVariableTable } from "../../record/declared/declared.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import type { PhaseContext, PhasedCall } from "./route.ts"
import { TracePlan } from "./trace-plan.ts"

const SETTINGS: TraceSettings = { sample: "on", ratio: 1, context: "ignore", spanName: null, attributes: [] }
const TRACE = "0af7651916cd43dd8448eb211c80319c"
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`
const UNSAMPLED = `00-${TRACE}-b7ad6b7169203331-00`

/** A call of a route that is traced so, and its trace. */
function traced(
  settings: Partial<TraceSettings>,
  fields: string[] = [],
  { path = "/s/m", random = () => 0.5 }: { path?: string; random?: () => number } = {},
) {
  const table = makeVariableTable([], new Set(), { stepsMax: 1000 })
  const plan = new TracePlan({ ...SETTINGS, ...settings }, table)
  const list = new HeaderList([":path", path, ...fields])
  const record = Object.assign(streamRecord({ path, requestHeaders: list }), {
    head: { list },
  }) as unknown as NewStreamRecord
  const context = { env: templateEnvironment({ random }) } as unknown as PhaseContext
  const begin = (): unknown => plan.begin({ record } as unknown as PhasedCall, context)
  expect(begin()).toBe(null)
  const trace = record.trace!
  const sent = plan.inject(list, record, attemptRecord())
  return { plan, record, trace, begin, list, sent }
}

describe("whose trace a call is part of", () => {
  test.each([
    ["ignore", false],
    ["inject", false],
    ["extract", true],
    ["propagate", true],
  ] as const)("%s: the caller's: %s", (context, isContinued) => {
    const { trace } = traced({ context }, ["traceparent", PARENT, "tracestate", "a=b"])
    expect(trace.parent?.spanId).toBe(isContinued ? "b7ad6b7169203331" : undefined)
    expect(trace.traceId === TRACE).toBe(isContinued)
    expect(trace.traceState).toBe(isContinued ? "a=b" : "")
  })

  test("a state without a trace is none", () => {
    expect(traced({ context: "propagate" }, ["tracestate", "a=b"]).trace.traceState).toBe("")
  })

  test("one that was sent on from another location keeps its trace", () => {
    const { record, trace, begin } = traced({})
    expect(begin()).toBe(null)
    expect(record.trace).toBe(trace)
  })
})

describe("whether a call is sampled", () => {
  test.each<[string, boolean]>([
    ["on", true],
    ["off", false],
    ["1", true],
    ["true", true],
    ["yes", false],
    ["$arg_t", true],
  ])("by what is said: %s: %s", (sample, expected) => {
    expect(traced({ sample }, [], { path: "/?t=on" }).trace.isSampled).toBe(expected)
  })

  test("by a template that comes to something else it is not", () => {
    expect(traced({ sample: "$arg_t" }, [], { path: "/?t=off" }).trace.isSampled).toBe(false)
    expect(traced({ sample: "$arg_t" }, [], { path: "/" }).trace.isSampled).toBe(false)
  })

  test("as its caller has it, whatever the share is", () => {
    const sampled = (parent: string, ratio: number): boolean =>
      traced({ sample: "parent", ratio, context: "extract" }, ["traceparent", parent]).trace.isSampled
    expect([sampled(PARENT, 0), sampled(UNSAMPLED, 1)]).toEqual([true, false])
  })

  test("by a share of those that begin here: the last 52 bits of the trace's id decide", () => {
    const sampled = (digits: number, ratio: number): boolean =>
      traced({ sample: "parent", ratio }, [], { random: () => digits / 2 ** 32 }).trace.isSampled
    // The id is four times 80000000: its last 13 digits are 0000080000000, or 2^31 of 2^52.
    expect(sampled(0x8000_0000, 2 ** -21)).toBe(false)
    expect(sampled(0x8000_0000, 2 ** -20)).toBe(true)
    expect(sampled(0xffff_ffff, 1)).toBe(true)
    expect(sampled(1, 0)).toBe(false)
  })
})

describe("what an endpoint is told", () => {
  const told = (settings: Partial<TraceSettings>, fields: string[] = []): string =>
    traced(settings, fields).sent.get("traceparent")?.slice(36) ?? "nothing"

  test.each<[TraceSettings["context"], boolean]>([
    ["ignore", false],
    ["extract", false],
    ["inject", true],
    ["propagate", true],
  ])("with %s its own span: %s", (context, isTold) => {
    const { sent, list } = traced({ context })
    expect(sent.get("traceparent") !== undefined).toBe(isTold)
    expect(sent === list).toBe(!isTold)
  })

  test("a trace that no one samples goes on as it came", () => {
    const { sent, list } = traced({ context: "propagate", sample: "off" }, ["traceparent", UNSAMPLED])
    expect(sent).toBe(list)
  })

  test("one that the caller samples and we do not is told so", () => {
    expect(told({ context: "propagate", sample: "off" }, ["traceparent", PARENT])).toMatch(/.{16}-00$/)
  })

  test("one that we sample and the caller does not is told so", () => {
    expect(told({ context: "propagate", sample: "on" }, ["traceparent", UNSAMPLED])).toMatch(/.{16}-01$/)
  })

  test("one that begins here and is not sampled is told so too", () => {
    expect(told({ context: "inject", sample: "off" })).toMatch(/.{16}-00$/)
  })

  test("nothing of a call that has none", () => {
    const { plan, record, list } = traced({ context: "inject" })
    record.trace = null
    expect(plan.inject(list, record, attemptRecord())).toBe(list)
  })
})

test("words of spans are templates, and none is where none was said", () => {
  const { plan, record } = traced({ spanName: "call of $host", attributes: [["a", "$request_method"]] })
  const env = templateEnvironment()
  expect(plan.words.name!.render(record, env)).toBe("call of chat.example")
  expect(plan.words.attributes.map(([name, value]) => [name, value.render(record, env)])).toEqual([
    ["a", "POST"],
  ])
  expect(traced({}).plan.words).toEqual({ name: null, attributes: [] })
})
