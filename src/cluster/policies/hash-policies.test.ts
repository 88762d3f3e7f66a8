import { describe, expect, test } from "vitest"
import { seededRandom } from "../../base/random.ts"
import { parseAddress } from "../../config/address.ts"
import { defaultEndpoint } from "../../config/defaults.ts"
import type { EndpointConfig, PolicyConfig } from "../../config/model.ts"
import { Endpoint } from "../endpoint.ts"
import { makePolicy } from "./make-policy.ts"
import type { Picker } from "./policy.ts"

function endpointsOf(many: number, config: Partial<EndpointConfig> = {}): Endpoint[] {
  return Array.from({ length: many }, (_, index) => {
    const address = parseAddress(`10.0.${index >> 8}.${index & 255}:80`, null)!
    return new Endpoint({ ...defaultEndpoint(address), ...config }, index)
  })
}

const random = seededRandom(1)

function pick(
  picker: Picker,
  available: readonly Endpoint[],
  key: string,
  more: { tried?: readonly Endpoint[]; mayWait?: boolean } = {},
): number {
  const subject = { render: () => key }
  const request = { subject, tried: more.tried ?? null, mayWait: more.mayWait ?? true, nowMs: 0 }
  return picker.pick(available, request, random)?.slot ?? -1
}

const KEYS = Array.from({ length: 600 }, (_, index) => `user-${index}`)

/** Where every key goes. */
const placesOf = (picker: Picker, available: readonly Endpoint[], keys = KEYS): number[] =>
  keys.map((key) => pick(picker, available, key))

const HASHES: PolicyConfig[] = [
  { name: "ring_hash", key: "$arg_k", balanceFactorPercent: null },
  { name: "maglev", key: "$arg_k", balanceFactorPercent: null },
  { name: "nginx_hash", key: "$arg_k" },
  { name: "nginx_consistent_hash", key: "$arg_k" },
]

describe.for(HASHES)("$name", (config) => {
  const make = (endpoints: readonly Endpoint[]) => makePolicy(config).makePicker(endpoints)

  test("a key has one endpoint, whoever asks and how often", () => {
    const endpoints = endpointsOf(7)
    const places = placesOf(make(endpoints), endpoints)
    expect(placesOf(make(endpoints), endpoints)).toEqual(places)
    expect(new Set(places).size).toBe(7)
  })

  test("where one cannot be used, its keys alone go elsewhere, and come back with it", () => {
    const endpoints = endpointsOf(7)
    const picker = make(endpoints)
    const before = placesOf(picker, endpoints)
    const without = placesOf(
      picker,
      endpoints.filter(({ slot }) => slot !== 3),
    )
    for (const [at, place] of before.entries())
      if (place === 3) expect(without[at]).not.toBe(3)
      else expect(without[at]).toBe(place)
    expect(placesOf(picker, endpoints)).toEqual(before)
  })

  test("so where it is full, was tried, or has no place for a stream that cannot wait", () => {
    const endpoints = endpointsOf(5)
    const picker = make(endpoints)
    const owner = endpoints[pick(picker, endpoints, "key")]!
    expect(pick(picker, endpoints, "key", { tried: [owner] })).not.toBe(owner.slot)
    owner.isSaturated = true
    expect(pick(picker, endpoints, "key", { mayWait: false })).not.toBe(owner.slot)
    expect(pick(picker, endpoints, "key", { mayWait: true })).toBe(owner.slot)
    Object.defineProperty(owner, "isFull", { value: true })
    expect(pick(picker, endpoints, "key")).not.toBe(owner.slot)
  })

  test("where all were tried there is none; where one alone is left, that", () => {
    const endpoints = endpointsOf(90)
    const picker = make(endpoints)
    expect(pick(picker, endpoints, "key", { tried: endpoints })).toBe(-1)
    expect(pick(picker, endpoints, "key", { tried: endpoints.filter(({ slot }) => slot !== 41) })).toBe(41)
  })

  test("one without weight has no keys, and is better than none", () => {
    const endpoints = endpointsOf(5)
    endpoints[2]!.fullWeight = 0
    const picker = make(endpoints)
    expect(new Set(placesOf(picker, endpoints))).toEqual(new Set([0, 1, 3, 4]))
    expect(pick(picker, [endpoints[2]!], "key")).toBe(2)
  })

  test("a stream without a key goes to any", () => {
    const endpoints = endpointsOf(5)
    const picker = make(endpoints)
    const places = Array.from({ length: 200 }, () => pick(picker, endpoints, ""))
    expect(new Set(places).size).toBe(5)
  })
})

describe.for(HASHES.slice(0, 2))("$name with a balance factor", ({ name }) => {
  const config: PolicyConfig = { name: name as "ring_hash", key: "$arg_k", balanceFactorPercent: 125 }

  test.for([10, 200])(
    "no endpoint of %i has more than its share, and each key leads where it did",
    (many) => {
      const endpoints = endpointsOf(many)
      const picker = makePolicy(config).makePicker(endpoints)
      const free = pick(picker, endpoints, "hot")
      // A third of all streams has one key.
      for (let i = 0; i < many * 30; i++) {
        const slot = pick(picker, endpoints, i % 3 === 0 ? "hot" : `user-${i}`)
        endpoints[slot]!.tryOpenStream()
      }
      const most = Math.max(...endpoints.map(({ streamsOpen }) => streamsOpen))
      expect(most).toBeLessThanOrEqual(Math.ceil(30 * 1.25))
      const owner = endpoints[free]!
      while (owner.streamsOpen > 0) owner.closeStream()
      for (let i = 0; i < many; i++) pick(picker, endpoints, `user-${i}`)
      expect(pick(picker, endpoints, "hot")).toBe(free)
    },
  )
})

test("endpoints are placed by their hash key, where they have one", () => {
  for (const config of HASHES.filter(({ name }) => name !== "nginx_hash")) {
    const named = (...keys: string[]) =>
      keys.map((hashKey, slot) => new Endpoint({ ...endpointsOf(1)[0]!.config, hashKey }, slot))
    const [one, other] = [named("a:1", "b:1", "c:1"), named("c:1", "b:1", "a:1")]
    const here = placesOf(makePolicy(config).makePicker(one), one)
    const there = placesOf(makePolicy(config).makePicker(other), other)
    expect(there.map((slot) => 2 - slot)).toEqual(here)
  }
})

describe("ip_hash", () => {
  const picks = (text: string, endpoints = endpointsOf(5)) =>
    pick(makePolicy({ name: "ip_hash" }).makePicker(endpoints), endpoints, text)

  test("the last octet of IPv4 does not matter, each of IPv6 does", () => {
    const v4 = Array.from({ length: 256 }, (_, last) => picks(String.fromCharCode(10, 1, 2, last)))
    expect(new Set(v4).size).toBe(1)
    const v6 = Array.from({ length: 256 }, (_, last) =>
      picks(`${"\0".repeat(15)}${String.fromCharCode(last)}`),
    )
    expect(new Set(v6).size).toBe(5)
  })

  test("clients without an address have one endpoint", () => {
    expect(new Set(["unix:", "", "x"].map((text) => picks(text))).size).toBe(1)
  })
})
