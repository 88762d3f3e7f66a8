import { expect, test } from "vitest"
import { STATIC_BY_NAME, STATIC_LENGTH, STATIC_NAMES, STATIC_VALUES } from "./static-table.ts"

/** RFC 7541 Appendix A; what has a value there has it here. */
const NAMES = `
  :authority :method :method :path :path :scheme :scheme :status :status :status :status :status :status :status
  accept-charset accept-encoding accept-language accept-ranges accept access-control-allow-origin age allow
  authorization cache-control content-disposition content-encoding content-language content-length content-location
  content-range content-type cookie date etag expect expires from host if-match if-modified-since if-none-match
  if-range if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range
  referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary via
  www-authenticate`
  .trim()
  .split(/\s+/)
const VALUES: Readonly<Record<number, string>> = {
  2: "GET",
  3: "POST",
  4: "/",
  5: "/index.html",
  6: "http",
  7: "https",
  8: "200",
  9: "204",
  10: "206",
  11: "304",
  12: "400",
  13: "404",
  14: "500",
  16: "gzip, deflate",
}

test("is RFC 7541 Appendix A", () => {
  expect([NAMES.length, STATIC_LENGTH]).toEqual([61, 61])
  expect(STATIC_NAMES.slice(1)).toEqual(NAMES)
  expect(STATIC_VALUES.slice(1)).toEqual(NAMES.map((_, at) => VALUES[at + 1] ?? ""))
})

test("knows each name's first index, and its values from there on", () => {
  expect([...STATIC_BY_NAME.keys()]).toEqual([...new Set(NAMES)])
  for (const [name, { index, values }] of STATIC_BY_NAME) {
    expect(index).toBe(NAMES.indexOf(name) + 1)
    expect(values).toEqual(NAMES.flatMap((one, at) => (one === name ? [VALUES[at + 1] ?? ""] : [])))
  }
})
