import { expect, test } from "vitest"
import { Endpoint } from "../../cluster/endpoint.ts"
import { parseAddress } from "../../config/address.ts"
import { defaultEndpoint, defaultSticky } from "../../config/defaults.ts"
import type { StickyConfig } from "../../config/model.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { stickyCookie, withStickyCookie } from "./sticky-cookie.ts"

const endpoint = new Endpoint(defaultEndpoint(parseAddress("127.0.0.1:3000", null)!))
const named = new Endpoint({ ...endpoint.config, route: "a" })
const subject = { render: (template: string) => template.replace("$x", "said") }
const wallMs = Date.UTC(2026, 10, 3, 4, 5, 6)

const cookieOf = (change: Partial<StickyConfig>): string =>
  stickyCookie({ ...defaultSticky("srv_id"), ...change }, named, subject, wallMs)

test("an endpoint without a route is called by the MD5 hash of its address", () => {
  const value = stickyCookie(defaultSticky("srv_id"), endpoint, subject, wallMs)
  expect(value).toMatch(/^srv_id=[0-9a-f]{32}$/)
})

test.for<[change: Partial<StickyConfig>, rest: string]>([
  [{}, ""],
  [{ expiresMs: "max" }, "; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000"],
  [{ expiresMs: 3_600_000 }, "; expires=Tue, 03-Nov-26 05:05:06 GMT; max-age=3600"],
  [{ expiresMs: 20 * 365 * 86_400_000 }, "; expires=Mon, 29-Oct-2046 04:05:06 GMT; max-age=630720000"],
  [{ domain: ".example.com", path: "/" }, "; domain=.example.com; path=/"],
  [{ domain: "$x.example" }, "; domain=said.example"],
  [{ domain: "a;b" }, ""],
  [{ httpOnly: true, secure: true, sameSite: "Lax" }, "; httponly; secure; samesite=Lax"],
  [{ sameSite: "$x" }, "; samesite=strict"],
  [{ sameSite: "other" }, "; samesite=other"],
  [{ expiresMs: 1999 }, "; expires=Tue, 03-Nov-26 04:05:07 GMT; max-age=1"],
  [{ expiresMs: Date.UTC(2037, 5, 1) - wallMs }, "; expires=Mon, 01-Jun-37 00:00:00 GMT; max-age=333748494"],
  [
    { expiresMs: Date.UTC(2038, 5, 1) - wallMs },
    "; expires=Tue, 01-Jun-2038 00:00:00 GMT; max-age=365284494",
  ],
])("%j: %s", ([change, rest]) => {
  expect(cookieOf(change)).toBe(`srv_id=a${rest}`)
})

test.each([
  ["$empty", ""],
  ["$lax", "; samesite=LAX"],
  ["$none", "; samesite=none"],
  ["$other", "; samesite=strict"],
])("what a variable comes to is one of the three, nothing, or the strictest: %s", (sameSite, expected) => {
  const said = { $empty: "", $lax: "LAX", $none: "none", $other: "laxer" } as Record<string, string>
  const value = stickyCookie(
    { ...defaultSticky("srv_id"), sameSite },
    named,
    { render: (template) => said[template] ?? template },
    wallMs,
  )
  expect(value).toBe(`srv_id=a${expected}`)
})

test("an answer of a cluster with such a cookie has it, and no other has", () => {
  const list = new HeaderList([":status", "200", "x", "y"], new Set([1]))
  const clock = { wallMs: () => wallMs }
  expect(withStickyCookie(list, null, named, subject, clock)).toBe(list)
  const told = withStickyCookie(list, defaultSticky("srv_id"), named, subject, clock)
  expect(told.fields).toEqual([":status", "200", "x", "y", "set-cookie", "srv_id=a"])
  expect(told.neverIndexed).toEqual(new Set([1]))
})
