import type { Endpoint } from "../../cluster/endpoint.ts"
import type { PickSubject } from "../../cluster/policies/policy.ts"
import { stickyIdOf } from "../../cluster/sticky.ts"
import type { StickyConfig } from "../../config/model.ts"
import { HeaderList } from "../../http2/header-list.ts"

/** nginx's `expires max`. */
const MAX = "; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000"

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/**
 * The value of the `set-cookie` that brings a client back to `endpoint`, as nginx writes it. `wallMs`: since 1970.
 * Source: nginx, ngx_http_upstream_sticky_module.c, ngx_http_cookie_time.
 */
export function stickyCookie(
  { cookie, expiresMs, domain, path, httpOnly, secure, sameSite }: StickyConfig,
  endpoint: Endpoint,
  subject: PickSubject,
  wallMs: number,
): string {
  const site = sameSite === null ? "" : sameSiteOf(subject.render(sameSite), sameSite.includes("$"))
  const named = domain === null ? "" : writable(subject.render(domain))
  return [
    `${cookie}=${stickyIdOf(endpoint)}`,
    expiresMs === null ? "" : expiresMs === "max" ? MAX : expires(expiresMs, wallMs),
    named === "" ? "" : `; domain=${named}`,
    httpOnly ? "; httponly" : "",
    secure ? "; secure" : "",
    site === "" ? "" : `; samesite=${site}`,
    path === null ? "" : `; path=${path}`,
  ].join("")
}

/** A response's head, with the cookie where its cluster has one. */
export function withStickyCookie(
  list: HeaderList,
  sticky: StickyConfig | null,
  endpoint: Endpoint,
  subject: PickSubject,
  wallMs: () => number,
): HeaderList {
  if (sticky === null) return list
  const value = stickyCookie(sticky, endpoint, subject, wallMs())
  return new HeaderList([...list.fields, "set-cookie", value], list.neverIndexed)
}

/** What variables come to may be none of the three: then it is the strictest. */
function sameSiteOf(text: string, isVariable: boolean): string {
  return !isVariable || text === "" || /^(strict|lax|none)$/i.test(text) ? text : "strict"
}

/** What a client has said must not add to the cookie, or end the field. */
function writable(text: string): string {
  return /[\x00-\x1f\x7f;]/.test(text) ? "" : text
}

function expires(afterMs: number, wallMs: number): string {
  const at = new Date(wallMs + afterMs)
  const two = (number: number): string => String(number).padStart(2, "0")
  const year = at.getUTCFullYear()
  const date = `${two(at.getUTCDate())}-${MONTHS[at.getUTCMonth()]}-${year > 2037 ? year : two(year % 100)}`
  const time = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map(two).join(":")
  return `; expires=${DAYS[at.getUTCDay()]}, ${date} ${time} GMT; max-age=${Math.floor(afterMs / 1000)}`
}
