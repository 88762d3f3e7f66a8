import { expect, test } from "vitest"
import { Endpoint } from "../../cluster/endpoint.ts"
import { parseAddress } from "../../config/address.ts"
import { defaultEndpoint, defaultSticky } from "../../config/defaults.ts"
import type { StickyConfig } from "../../config/model.ts"
import { stickyCookie } from "./sticky-cookie.ts"

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
])("%j: %s", ([change, rest]) => {
  expect(cookieOf(change)).toBe(`srv_id=a${rest}`)
})
