import { describe, expect, test } from "vitest"
import { resolveLimits } from "../../base/resolve-limits.ts"
import { lookIfUp } from "./establishing.ts"
import { isHttp1Answer } from "./http1-answer.ts"
import { Retirement } from "./retirement.ts"

const NONE = { maxRequestsPerConnection: null, maxConnectionAgeMs: null, idleTimeoutMs: null }
const { limits } = resolveLimits({ upstreamResetsMax: 3 })

describe("when a connection takes no more streams", () => {
  test("never, where nothing is set", () => {
    const retirement = new Retirement(NONE, limits, 0)
    expect(retirement.streamEnded(5)).toBe(false)
    expect(retirement.isIdleOrOld(1e12, 0)).toBe(false)
  })

  test("after so many requests", () => {
    const retirement = new Retirement({ ...NONE, maxRequestsPerConnection: 2 }, limits, 0)
    expect([retirement.streamEnded(1), retirement.streamEnded(2), retirement.streamEnded(3)]).toEqual([
      false,
      true,
      true,
    ])
  })

  test("when it is older than it may be", () => {
    const retirement = new Retirement({ ...NONE, maxConnectionAgeMs: 1000 }, limits, 500)
    expect([retirement.isIdleOrOld(1500, 1), retirement.isIdleOrOld(1501, 1)]).toEqual([false, true])
  })

  test("when its last stream has ended for so long", () => {
    const retirement = new Retirement({ ...NONE, idleTimeoutMs: 1000 }, limits, 500)
    expect([retirement.isIdleOrOld(1500, 0), retirement.isIdleOrOld(1501, 0)]).toEqual([false, true])
    expect(retirement.isIdleOrOld(1501, 1)).toBe(false)
    retirement.streamEnded(2000)
    expect([retirement.isIdleOrOld(3000, 0), retirement.isIdleOrOld(3001, 0)]).toEqual([false, true])
  })

  test("when many of its streams were reset", () => {
    const retirement = new Retirement(NONE, limits, 0)
    const full = [1, 2, 3, 4].map((resets) => retirement.hasManyResets(resets, 10))
    expect(full[0]).toBe(false)
    expect(full.at(-1)).toBe(true)
  })
})

describe("a connection that comes up", () => {
  const look = (isUp: boolean, nowMs: number): string[] => {
    const said: string[] = []
    const http2 = {
      connected: (atMs: number) => void said.push(`connected at ${atMs}`),
      receiveEnd: (reason: string) => void said.push(reason),
    }
    said.push(String(lookIfUp(http2, { isUp }, nowMs, 1000, 500)))
    return said
  }
  test.each([
    [true, 1200, ["connected at 1200", "true"]],
    [true, 5000, ["connected at 5000", "true"]],
    [false, 1500, ["false"]],
    [false, 1501, ["no connection within 500 ms", "false"]],
  ])("up %s at %i: %j", (isUp, nowMs, expected) => expect(look(isUp, nowMs)).toEqual(expected))
})

describe("a server that speaks HTTP/1", () => {
  test.each([
    ["HTTP/1.1 400", true],
    ["HTTP/1.", true],
    ["HTTP/2", false],
    ["HTT", true],
    ["HTX", false],
    ["\0\0\0", false],
  ])("%j: %s", (text, is) => {
    const octets = Buffer.from(`##${text}##`)
    expect(isHttp1Answer(octets, 2, 2 + text.length)).toBe(is)
  })
})
