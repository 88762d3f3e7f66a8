import { describe, expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { parseAddress } from "../config/address.ts"
import { defaultEndpoint } from "../config/defaults.ts"
import { Endpoint } from "./endpoint.ts"
import { Outcomes } from "./outcomes.ts"

function outcomesOf(maxFails = 1) {
  const clock = new ManualClock()
  const said: string[] = []
  const log = (message: string, fields: object): void =>
    void said.push(`${message} ${JSON.stringify(fields)}`)
  const outcomes = new Outcomes({
    cluster: "test",
    clock,
    log: { info: log, warn: log },
    onFailed: () => said.push("failed"),
    onEjected: () => said.push("ejected"),
    onBack: () => said.push("back"),
  })
  const endpoint = new Endpoint({ ...defaultEndpoint(parseAddress("a:80", null)!), maxFails })
  /** What was said since the last call. */
  const since = (): string[] => said.splice(0)
  return { clock, outcomes, endpoint, since }
}

describe("ejected and back are said once each, in pairs", () => {
  test("by connections", () => {
    const { clock, outcomes, endpoint, since } = outcomesOf()
    outcomes.connectFailed(endpoint, "connection refused")
    outcomes.connectFailed(endpoint, "connection refused")
    expect(since()).toEqual([
      "failed",
      'endpoint is ejected {"cluster":"test","endpoint":"a:80","reason":"connection refused","forMs":10000}',
      "ejected",
      "failed",
    ])
    clock.advance(1234)
    outcomes.connectionProven(endpoint)
    outcomes.connectionProven(endpoint)
    outcomes.legAnswered(endpoint)
    expect(since()).toEqual([
      'endpoint is back {"cluster":"test","endpoint":"a:80","reason":"a connection answered a PING","afterMs":1234}',
      "back",
    ])
  })

  test("by streams", () => {
    const { clock, outcomes, endpoint, since } = outcomesOf()
    outcomes.legEnded(endpoint, "endpoint", "HTTP status 503")
    outcomes.connectionProven(endpoint)
    expect(since()).toHaveLength(3)
    clock.advance(10_001)
    endpoint.picked(clock.now())
    outcomes.legEnded(endpoint, "endpoint", "HTTP status 503")
    expect(since()).toEqual(["failed"])
    clock.advance(10_001)
    endpoint.picked(clock.now())
    outcomes.legAnswered(endpoint)
    outcomes.legAnswered(endpoint)
    expect(since()).toEqual([
      'endpoint is back {"cluster":"test","endpoint":"a:80","reason":"a stream was answered","afterMs":20002}',
      "back",
    ])
  })

  test.for(["client", "none"] as const)("what is the fault of: %s, is not counted", (fault) => {
    const { outcomes, endpoint, since } = outcomesOf()
    outcomes.legEnded(endpoint, fault, "reset by the client")
    expect([since(), endpoint.streamsFailed, endpoint.isOut]).toEqual([[], 0, false])
  })

  test("nothing is said of one that failed less often than max_fails, and answers", () => {
    const { clock, outcomes, endpoint, since } = outcomesOf(2)
    outcomes.connectFailed(endpoint, "connection refused")
    clock.advance(10_001)
    endpoint.picked(clock.now())
    outcomes.legAnswered(endpoint)
    outcomes.connectFailed(endpoint, "connection refused")
    expect(since()).toEqual(["failed", "failed"])
  })
})
