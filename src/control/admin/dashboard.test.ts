import { createHash } from "node:crypto"
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
  return (path: string, name = "", encoding?: string, known?: string) => {
    const header = (of: string) => (of === "if-none-match" ? known : encoding)
    const request = { params: { name }, header } as unknown as AdminRequest
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
  const code = get("/assets/{name}", "x-1.js", "br;q=0, gzip") as { text: Uint8Array; headers: object }
  expect(gunzipSync(code.text).toString()).toBe("code")
  expect(code).toMatchObject({
    contentType: "text/javascript; charset=utf-8",
    headers: { "content-encoding": "gzip", "cache-control": "max-age=31536000, immutable" },
  })
})

test.for([
  ["gzip, deflate, br", "br"],
  ["br", "br"],
  ["gzip", "gzip"],
  ["identity", undefined],
  [undefined, undefined],
] as const)("who takes %s gets it by %s", ([accepted, coding]) => {
  const get = ask(() => new Map([...built, ["assets/x-1.js.br", text("packed")]]))
  const { headers } = get("/assets/{name}", "x-1.js", accepted) as { headers: Record<string, string> }
  expect(headers["content-encoding"]).toBe(coding)
  expect(() => get("/assets/{name}", "x-1.js.br")).toThrow("there is no")
})

test("who has it already is told that it is the same, and each coding is another", () => {
  const get = ask(() => built)
  const tagOf = (encoding?: string) =>
    (get("/", "", encoding) as { headers: Record<string, string> }).headers.etag!
  expect(get("/", "", undefined, tagOf())).toMatchObject({ status: 304, text: "" })
  expect(get("/", "", "gzip", `"x", ${tagOf("gzip")}`)).toMatchObject({ status: 304, text: "" })
  expect(get("/", "", "gzip", tagOf())).not.toHaveProperty("status")
})

test("what stands in the page itself may run, and nothing else that would", () => {
  const page = text("<style>p{}</style><script>\n1\n</script><script src=x></script>")
  const get = ask(() => new Map([["index.html", page]]))
  const { headers } = get("/") as { headers: Record<string, string> }
  const hash = (words: string) => `'sha256-${createHash("sha256").update(words).digest("base64")}'`
  const policy = headers["content-security-policy"]!.split("; ")
  expect(policy).toContain(`script-src 'self' ${hash("\n1\n")}`)
  expect(policy).toContain(`style-src 'self' ${hash("p{}")}`)
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
