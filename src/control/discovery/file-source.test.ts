import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { FileSource, readEndpoints } from "./file-source.ts"
import { plainEndpoint } from "./source.ts"

describe("a list of endpoints", () => {
  test.for([
    ["- a:1\n- '[::1]:2'\n- unix:/run/s", ["a:1", "[::1]:2", "unix:/run/s"]],
    ["endpoints: [a:1]", ["a:1"]],
    ['["a:1", {"address": "b:2"}]', ["a:1", "b:2"]],
  ] as const)("%s", ([text, addresses]) => {
    expect(readEndpoints(text)).toEqual(addresses.map(plainEndpoint))
  })

  test("with all there is to say", () => {
    expect(readEndpoints("[{ address: a:1, weight: 3, priority: 1, zone: west, drain: true }]")).toEqual([
      { address: "a:1", weight: 3, priority: 1, zone: "west", isDraining: true },
    ])
  })

  test.for([
    ["", "it must be a list of endpoints, or a map with one under endpoints"],
    ["[]", "the list is empty"],
    ["- 3", "endpoint 1: must be an address or a map with one"],
    ["- a:1\n- { adress: b }", 'endpoint 2: unknown key "adress"'],
    ["- {}", "endpoint 1: must have an address"],
    ["- { address: a:1, weight: 0 }", "endpoint 1: weight must be a whole number from 1"],
    ["- { address: a:1, weight: 1.5 }", "endpoint 1: weight must be a whole number from 1"],
    ["- { address: a:1, priority: -1 }", "endpoint 1: priority must be a whole number from 0"],
    ["- { address: a:1, zone: 3 }", "endpoint 1: zone must be text"],
    ["- { address: a:1, drain: 1 }", "endpoint 1: drain must be true or false"],
    ["- &a [*a, *a]", /alias/i],
  ] as const)("%o: %s", ([text, reason]) => {
    expect(() => readEndpoints(text)).toThrow(reason)
  })
})

/** A file in memory; `told` is what its source says. */
function watched(text: string | null) {
  const file = { text, stamp: 1, reads: 0 }
  const clock = new ManualClock()
  const told: string[] = []
  const source = new FileSource(
    "list.yaml",
    {
      stamp: () => Promise.resolve(file.text === null ? null : String(file.stamp)),
      read: () => {
        file.reads++
        return Promise.resolve(file.text!)
      },
    },
    clock,
  )
  source.start({
    onEndpoints: (endpoints) => told.push(endpoints.map(({ address }) => address).join(" ")),
    onFailure: (reason) => told.push(`failed: ${reason}`),
  })
  const look = async () => {
    await settled()
    clock.advance(1_000)
    await settled()
  }
  return { file, clock, told, source, look }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

test("is read when it changes, and keeps the last answer when it breaks or goes", async () => {
  const { file, told, look } = watched("[a:1]")
  await look()
  await look()
  expect(told).toEqual(["a:1"])
  expect(file.reads).toBe(1)
  Object.assign(file, { text: "[a:1, b:2]", stamp: 2 })
  await look()
  Object.assign(file, { text: "[a:1, {", stamp: 3 })
  await look()
  await look()
  expect(told.slice(0, 2)).toEqual(["a:1", "a:1 b:2"])
  expect(told[2]).toMatch(/^failed: /)
  expect(told.length).toBe(3)
  file.text = null
  await look()
  expect(told.at(-1)).toBe("failed: the file is not there")
  Object.assign(file, { text: "[c:3]", stamp: 4 })
  await look()
  expect(told.at(-1)).toBe("c:3")
})

test("stopped, it sets no more timers", async () => {
  const { clock, source } = watched("[a:1]")
  await settled()
  source.stop()
  await settled()
  expect(clock.timersOpen).toBe(0)
})
