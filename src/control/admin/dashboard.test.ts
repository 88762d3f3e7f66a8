import { gunzipSync } from "node:zlib"
import { expect, test } from "vitest"
import { dashboardRoutes } from "./dashboard.ts"
import type { AdminRequest } from "./route.ts"

const text = (words: string) => new TextEncoder().encode(words)
const built = new Map([
  ["index.html", text("<p>page")],
  ["assets/x-1.js", text("code")],
])

function ask(read: () => Map<string, Uint8Array>) {
  const routes = dashboardRoutes(read)
  return (path: string, name = "", encoding?: string) => {
    const request = { params: { name }, header: () => encoding } as unknown as AdminRequest
    return routes.find((route) => route.path === path)!.handle(request)
  }
}

test("files with what browsers may do with them", () => {
  const get = ask(() => built)
  expect(get("/")).toMatchObject({
    contentType: "text/html; charset=utf-8",
    headers: {
      "cache-control": "no-cache",
      "content-security-policy": expect.stringContaining("default-src 'none'"),
    },
  })
  const code = get("/assets/{name}", "x-1.js", "br, gzip") as { text: Uint8Array; headers: object }
  expect(gunzipSync(code.text).toString()).toBe("code")
  expect(code).toMatchObject({
    contentType: "text/javascript; charset=utf-8",
    headers: { "content-encoding": "gzip", "cache-control": "max-age=31536000, immutable" },
  })
})

test.for(["../package.json", "%2e%2e", "", "x-1.js/"])("no other file is reached: %s", (name) => {
  expect(() => ask(() => built)("/assets/{name}", name)).toThrow("there is no")
})

test("a checkout where it is not built says so, and shows it once it is", () => {
  let files = new Map<string, Uint8Array>()
  const get = ask(() => files)
  expect(get("/")).toMatchObject({ text: expect.stringContaining("npm run build") })
  files = built
  expect(get("/")).toMatchObject({ text: text("<p>page") })
})

test("all of them may be had without the token", () => {
  expect(dashboardRoutes().map(({ openness }) => openness)).toEqual(["page", "page", "page"])
})
