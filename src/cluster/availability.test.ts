import { describe, expect, test } from "vitest"
import { parseAddress } from "../config/address.ts"
import { defaultEndpoint } from "../config/defaults.ts"
import { Availability } from "./availability.ts"
import { Endpoint } from "./endpoint.ts"

/** Primaries a and b, backups c and d. */
function four() {
  const [a, b, c, d] = ["a", "b", "c", "d"].map(
    (name, slot) => new Endpoint(defaultEndpoint(parseAddress(`${name}:80`, null)!), slot),
  ) as [Endpoint, Endpoint, Endpoint, Endpoint]
  const epoch = { value: 0 }
  const availability = new Availability([a, b], [c, d], epoch)
  const names = (endpoints: readonly Endpoint[]): string =>
    endpoints.map(({ address }) => address[0]).join("")
  const at = (nowMs: number): string => {
    availability.refresh(nowMs)
    const { primary, backup, isInPanic } = availability
    return `${names(primary)}/${names(backup)}${isInPanic ? " panic" : ""}`
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
    const before = availability.primary
    at(1_000_000)
    expect(availability.primary).toBe(before)
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
    expect(at(1)).toBe("abcd/ panic")
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
    expect(at(0)).toBe("abcd/ panic")
  })

  test("as a last resort all, where the available ones are full", () => {
    const { a, b, c, d, availability, at, fail } = four()
    fail(0, a, b, d)
    at(0)
    expect(availability.lastResort).toEqual([])
    Object.defineProperty(c, "isFull", { value: true })
    expect(availability.lastResort).toEqual([a, b, c, d])
  })
})
