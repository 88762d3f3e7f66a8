import { describe, expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { parseAddress } from "../config/address.ts"
import { defaultCluster, defaultEndpoint, defaultOutlierDetection } from "../config/defaults.ts"
import type { ClusterConfig, OutlierDetectionConfig } from "../config/model.ts"
import { ClusterStates } from "./cluster-states.ts"
import { OwnStreamCounts } from "./counts.ts"
import { OutlierDetection } from "./outlier-detection.ts"
import { Slots } from "./slots.ts"

const clusterOf = (names: string, settings: Partial<OutlierDetectionConfig> | null = {}): ClusterConfig => ({
  ...defaultCluster("test"),
  endpoints: names.split("").map((name) => defaultEndpoint(parseAddress(`${name}:1`, null)!)),
  outlierDetection: settings && { ...defaultOutlierDetection(), ...settings },
})

function detectionOf(config: ClusterConfig) {
  const clock = new ManualClock()
  const counts = new OwnStreamCounts()
  const said: string[] = []
  const say = (message: string, { endpoint, reason }: Readonly<Record<string, string | number>>): void => {
    said.push(`${message}: ${String(endpoint)}, ${reason}`)
  }
  const states = new ClusterStates({
    hasChecks: false,
    slots: new Slots({ streamsOpen: () => 0, acknowledged: () => Number.POSITIVE_INFINITY, onNew() {} }),
    publish() {},
    onChange() {},
  })
  states.prepare([config]).commit()
  const detection = new OutlierDetection({
    clock,
    log: { info: say, warn: say },
    states,
    outcomesAt: (slot) => counts.outcomesAt(slot),
  })
  detection.watch([config])
  const slotOf = (name: string): number =>
    states.endpointsOf("test").find(({ address }) => address[0] === name)!.slot
  /** Calls at an endpoint: `s` succeed, `f` fail. */
  const calls = (name: string, outcomes: string): void => {
    const count = counts.outcomesOf(slotOf(name))
    for (const outcome of outcomes)
      if (outcome === "s") count.succeeded()
      else count.failed()
  }
  const interval = async (times = 1): Promise<void> => {
    for (let i = 0; i < times; i++) clock.advance(10_000)
    await Promise.resolve()
  }
  const unhealthy = (): string =>
    states
      .endpointsOf("test")
      .filter(({ health }) => health === "unhealthy")
      .map(({ address }) => address[0])
      .join("")
  return { clock, states, detection, said, calls, interval, unhealthy }
}

describe("outlier detection", () => {
  test("leaves out what fails, for longer each time, and says so", async () => {
    const { calls, interval, unhealthy, said } = detectionOf(clusterOf("abc"))
    calls("a", "sssss")
    calls("b", "sfffff")
    await interval()
    expect(unhealthy()).toBe("b")
    expect(said.splice(0)).toEqual(["outlier is ejected: b:1, 5 failures in a row"])
    await interval(2)
    expect(unhealthy()).toBe("b")
    await interval()
    expect(unhealthy()).toBe("")
    expect(said.splice(0)).toEqual(["outlier is used again: b:1, its time is over"])
    calls("b", "fffff")
    await interval()
    expect(unhealthy()).toBe("b")
    await interval(5)
    expect(unhealthy()).toBe("b")
    await interval()
    expect(unhealthy()).toBe("")
  })

  test("looks at what is new: failures that were there before, or of another in the same slot, are none", async () => {
    const { calls, interval, unhealthy, states } = detectionOf(clusterOf("ab"))
    calls("b", "fffff")
    const [a, b] = states.endpointsOf("test")
    states.setEndpoints("test", [a!])
    await interval()
    states.setEndpoints("test", [a!, { ...b!, address: "c:1" }])
    await Promise.resolve()
    await interval()
    expect(unhealthy()).toBe("")
    calls("c", "s")
    await interval(3)
    expect(unhealthy()).toBe("")
  })

  test("does not judge what takes no new streams", async () => {
    const { calls, interval, unhealthy, states } = detectionOf(clusterOf("ab"))
    calls("b", "fffff")
    states.order("test", "b:1", { drain: true })
    await Promise.resolve()
    await interval(2)
    expect(unhealthy()).toBe("")
  })

  test.for([
    ["is switched off", null, ""],
    ["has other settings", { consecutiveFailures: 7 }, ""],
    ["stays as it is", {}, "b"],
  ] as const)("lets all in again where it %s by a reload", async ([, settings, expected]) => {
    const config = clusterOf("abc")
    const { calls, interval, unhealthy, states, detection, clock } = detectionOf(config)
    calls("b", "fffff")
    await interval()
    expect(unhealthy()).toBe("b")
    const next = clusterOf("abc", settings)
    states.prepare([next]).commit()
    detection.watch([next])
    await Promise.resolve()
    expect(unhealthy()).toBe(expected)
    detection.close()
    expect(clock.timersOpen).toBe(0)
  })
})
