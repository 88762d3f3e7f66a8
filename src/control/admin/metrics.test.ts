import { expect, test } from "vitest"
import { makeMemory } from "../../balancer/thread/shared-numbers.ts"
import { Column, TRAFFIC_ROW } from "../../cluster/traffic.ts"
import { Exposition } from "./metrics.ts"
import type { ControlView } from "./view.ts"

const ENDPOINTS = 1000

interface Endpoint {
  readonly address: string
  readonly slot: number
  readonly weight: number
  readonly health: string
  readonly drain: boolean
}

const endpoint = (slot: number): Endpoint => ({
  address: `10.0.${slot >> 8}.${slot & 255}:1`,
  slot,
  weight: 1,
  health: "healthy",
  drain: false,
})

/** A view whose clock goes on by a millisecond at each look: every slice is as short as it can be. */
function bed() {
  let nowMs = 0
  const clock = { now: () => ++nowMs }
  const state = {
    endpoints: Array.from({ length: ENDPOINTS }, (_, slot) => endpoint(slot)),
    picks: 1,
    reads: 0,
  }
  const view = {
    config: { clusters: [{ name: "chat" }] },
    configVersion: 1,
    loadedAtMs: 0,
    isDraining: false,
    memory: makeMemory(1),
    threads: [],
    controlPlane: null,
    routes: null,
    endpointsOf: () => state.endpoints,
    streamsAt: () => 0,
    trafficAt() {
      state.reads++
      const row = new Float64Array(TRAFFIC_ROW)
      row[Column.picks] = row[Column.retries] = state.picks
      return row
    },
  } as unknown as ControlView
  const exposition = new Exposition({ view, events: new Map(), startedAtMs: 0 }, clock)
  return { state, exposition }
}

const lines = (text: string, name: string): string[] =>
  text.split("\n").filter((line) => line.startsWith(`${name}{`))

test("while it is written others have their turns, and what changes meanwhile tears nothing", async () => {
  const { state, exposition } = bed()
  let turns = 0
  let isDone = false
  const other = (): void => {
    turns++
    // One goes, all of them count on.
    state.endpoints = state.endpoints.slice(1)
    state.picks++
    if (!isDone) setImmediate(other)
  }
  setImmediate(other)
  const text = Buffer.from((await exposition.read("")).text).toString()
  isDone = true
  expect(turns).toBeGreaterThan(100)
  const picks = lines(text, "sluice_legs_total").map((line) => line.slice(line.indexOf("{")))
  const retries = lines(text, "sluice_retries_total").map((line) => line.slice(line.indexOf("{")))
  expect(picks).toHaveLength(ENDPOINTS)
  expect(retries).toEqual(picks)
  expect(lines(text, "sluice_endpoint_weight")).toHaveLength(ENDPOINTS)
  expect(text.match(/^# HELP sluice_legs_total /gm)).toHaveLength(1)
  expect(text).not.toMatch(/\n\n/)
})

test("who asks while it is made is given the same, each format for itself", async () => {
  const { state, exposition } = bed()
  const [one, other, open] = await Promise.all([
    exposition.read(""),
    exposition.read("text/plain"),
    exposition.read("application/openmetrics-text"),
  ])
  expect(one!.text).toBe(other!.text)
  expect(state.reads).toBe(2 * ENDPOINTS)
  const text = Buffer.from(open!.text).toString()
  expect(text.endsWith("\n# EOF\n")).toBe(true)
  expect(lines(text, "sluice_legs_total")).toHaveLength(ENDPOINTS)
  expect(text).toMatch(/^# TYPE sluice_legs counter$/m)
  await exposition.read("")
  expect(state.reads).toBe(3 * ENDPOINTS)
})
