import { describe, expect, test } from "vitest"
import { seededRandom } from "../base/random.ts"
import { HeaderList } from "../http2/header-list.ts"
import { hexDigits, StreamTrace, traceParentOf, traceStateOf } from "./trace.ts"

const TRACE = "0af7651916cd43dd8448eb211c80319c"
const SPAN = "b7ad6b7169203331"

describe("traceparent (W3C Trace Context, §3.2)", () => {
  test.for([
    [`00-${TRACE}-${SPAN}-01`, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    // Flags that are not known yet.
    [`00-${TRACE}-${SPAN}-03`, true],
    [`00-${TRACE}-${SPAN}-02`, false],
    // A later version may say more.
    [`cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`, true],
    [`cc-${TRACE}-${SPAN}-01`, true],
  ] as const)("%s", ([text, isSampled]) => {
    expect(traceParentOf(new HeaderList(["traceparent", text]))).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      isSampled,
    })
  })

  test.each([
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `cc-${TRACE}-${SPAN}-01.more`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}`,
    "",
  ])("%s is none", (text) => {
    expect(traceParentOf(new HeaderList(["traceparent", text]))).toBeNull()
  })

  test("of two none counts, and tracestate is one list", () => {
    const one = ["traceparent", `00-${TRACE}-${SPAN}-01`]
    expect(traceParentOf(new HeaderList([...one, ...one]))).toBeNull()
    expect(traceStateOf(new HeaderList(["tracestate", "a=1", "tracestate", "b=2"]))).toBe("a=1,b=2")
  })
})

describe("what an endpoint is told", () => {
  const trace = () =>
    new StreamTrace({ traceId: TRACE, spanId: SPAN, isSampled: true }, "a=1", seededRandom(1))

  test("the leg as the caller, in place of what came", () => {
    const own = trace()
    own.isSampled = true
    const leg = {}
    const fields = ["x", "1", "traceparent", "old", "y", "2", "tracestate", "old"]
    const told = own.inject(new HeaderList(fields, new Set([2])), leg)
    const id = own.legSpanId(leg)
    expect(told.fields).toEqual([
      ...["x", "1", "y", "2"],
      ...["traceparent", `00-${TRACE}-${id}-01`, "tracestate", "a=1"],
    ])
    // `y` was never to be indexed, and is not.
    expect(told.neverIndexed).toEqual(new Set([1]))
    expect(own.legSpanId({})).not.toBe(id)
  })

  test("legs that a record no longer keeps are forgotten", () => {
    const own = trace()
    const [first, second] = [{}, {}]
    const ids = [own.legSpanId(first), own.legSpanId(second)]
    own.retain([second])
    expect(own.legSpanId(second)).toBe(ids[1])
    expect(own.legSpanId(first)).not.toBe(ids[0])
  })
})

test("ids are never all zero", () => {
  const numbers = [0, 0, 0, 0.5]
  expect(hexDigits(() => numbers.shift()!, 16)).toBe("0000000080000000")
})
