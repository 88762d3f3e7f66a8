import { describe, expect, test } from "vitest"
import { parseAddress } from "../config/address.ts"
import { defaultEndpoint } from "../config/defaults.ts"
import { Availability } from "./availability.ts"
import { Endpoint } from "./endpoint.ts"
import { RoundRobin } from "./policies/round-robin.ts"

/** Primaries a and b, backups c and d. */
function four(panicPercent = 0) {
  const [a, b, c, d] = ["a", "b", "c", "d"].map(
    (name, slot) => new Endpoint(defaultEndpoint(parseAddress(`${name}:80`, null)!), slot),
  ) as [Endpoint, Endpoint, Endpoint, Endpoint]
  const epoch = { value: 0 }
  const picker = new RoundRobin([])
  const levels = [
    { endpoints: [a, b], picker },
    { endpoints: [c, d], picker },
  ]
  const availability = new Availability(levels, epoch, panicPercent)
  const names = (endpoints: readonly Endpoint[]): string =>
    endpoints.map(({ address }) => address[0]).join("")
  const at = (nowMs: number): string => {
    availability.refresh(nowMs)
    const lists = availability.levels.map(({ available }) => names(available))
    return lists.join("/") + (availability.isInPanic ? " panic" : "")
  }
  const fail = (nowMs: number, ...endpoints: Endpoint[]): void => {
    for (const endpoint of endpoints) endpoint.failed(nowMs, false)
    epoch.value++
  }
  return { a, b, c, d, epoch, availability, at, fail }
}

describe("which endpoints are available", () => {
  test("the same list, until something changes", () => {
    const { a, availability, at, fail } = four()
    expect(at(0)).toBe("ab/cd")
    const before = availability.levels[0]!.available
    at(1_000_000)
    expect(availability.levels[0]!.available).toBe(before)
    fail(1_000_000, a)
    expect(at(1_000_000)).toBe("b/cd")
  })

  test("what is not told by the epoch changes nothing", () => {
    const { a, epoch, at } = four()
    at(0)
    a.health = "unhealthy"
    expect(at(0)).toBe("ab/cd")
    epoch.value++
    expect(at(0)).toBe("b/cd")
  })

  test("an ejection ends by time alone, each at its own", () => {
    const { a, b, at, fail } = four()
    fail(0, a)
    fail(5_000, b)
    expect([5_000, 10_000, 10_001, 15_000, 15_001].map(at)).toEqual(["/cd", "/cd", "a/cd", "a/cd", "ab/cd"])
  })

  test("in panic mode all, until one is back", () => {
    const { a, b, c, d, epoch, at, fail } = four()
    fail(0, a, b, c, d)
    expect(at(1)).toBe("ab/cd panic")
    b.picked(2)
    b.answered()
    epoch.value++
    expect(at(2)).toBe("b/")
    expect(at(10_001)).toBe("ab/cd")
  })

  test("none that a check found unhealthy, unless all are", () => {
    const { a, b, c, d, epoch, at } = four()
    for (const endpoint of [a, b, c]) endpoint.health = "unhealthy"
    expect(at(0)).toBe("/d")
    d.health = "unhealthy"
    epoch.value++
    expect(at(0)).toBe("ab/cd panic")
  })

  test.for([
    [50, "/cd", 2],
    [50, "ab/cd panic", 3],
    [25, "/d", 3],
    [26, "ab/cd panic", 3],
  ] as const)("below %i %% healthy health is not looked at: %s", ([percent, expected, unhealthy]) => {
    const { a, b, c, epoch, at } = four(percent)
    for (const endpoint of [a, b, c].slice(0, unhealthy)) endpoint.health = "unhealthy"
    epoch.value++
    expect(at(0)).toBe(expected)
  })

  test("what max_fails has ejected stays so where health is not believed", () => {
    const { a, b, c, epoch, at, fail } = four(50)
    for (const endpoint of [a, b, c]) endpoint.health = "unhealthy"
    epoch.value++
    expect(at(0)).toBe("ab/cd panic")
    fail(1, a)
    expect(at(1)).toBe("b/cd panic")
  })

  test("one that takes no new streams is never available, and does not count as unhealthy", () => {
    const { a, b, c, d, epoch, at } = four(50)
    a.isDraining = true
    c.isDraining = true
    b.health = "unhealthy"
    epoch.value++
    expect(at(0)).toBe("/d")
    d.health = "unhealthy"
    epoch.value++
    expect(at(0)).toBe("b/d panic")
  })

  test("as a last resort all, where the available ones are full", () => {
    const { a, b, c, d, availability, at, fail } = four()
    fail(0, a, b, d)
    at(0)
    expect(availability.isLastResort).toBe(false)
    Object.defineProperty(c, "isFull", { value: true })
    expect(availability.isLastResort).toBe(true)
  })
})
