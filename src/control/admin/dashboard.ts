import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { extname, join, sep } from "node:path"
import { getAssetKeys, getRawAsset, isSea } from "node:sea"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { type AdminAnswer, AdminError, type AdminRequest, type AdminRoute } from "./route.ts"

/** Where the page is within the single executable, and what the folder of its files is called. */
export const DASHBOARD = "dashboard"

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
}

/** The page asks nothing of any other host, and no other page frames it. `inline`: hashes of what stands in it. */
function policyOf(inline: { style: readonly string[]; script: readonly string[] }): string {
  return [
    "default-src 'none'",
    ["script-src 'self'", ...inline.script].join(" "),
    "worker-src 'self'",
    ["style-src 'self'", ...inline.style].join(" "),
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ")
}

const NOT_BUILT = `<!doctype html><title>Sluice</title>
<p>The dashboard is not built in this checkout: <code>npm run build</code>. The API is here: <a href="/status">/status</a>,
<a href="/openapi.json">/openapi.json</a>.
`

/** A file, how it is sent by each coding there is of it, and what it may do. */
interface Page {
  readonly codings: ReadonlyMap<string, Uint8Array>
  readonly tag: string
  readonly policy: string
}

/** The files of the dashboard: no secrets, so that the page itself can ask for the token. */
export function dashboardRoutes(read: () => Map<string, Uint8Array> = builtFiles): AdminRoute[] {
  let pages: Map<string, Page> | null = null
  const find = (name: string): Page | undefined => {
    if (pages === null) {
      const files = read()
      const names = [...files.keys()].filter((path) => !path.endsWith(".br"))
      // One that is not built may be yet.
      if (names.length === 0) return undefined
      pages = new Map(names.map((path) => [path, pageOf(files.get(path)!, files.get(`${path}.br`))]))
    }
    return pages.get(name)
  }
  const route = (path: string, nameOf: (request: AdminRequest) => string): AdminRoute => ({
    method: "GET",
    path,
    summary: "The dashboard.",
    openness: "page",
    answer: { contentType: "text/html", description: "A page, and its files." },
    handle: (request) => answerOf(nameOf(request), find(nameOf(request)), request),
  })
  return [
    route("/", () => "index.html"),
    route("/icon.svg", () => "icon.svg"),
    route("/assets/{name}", ({ params }) => `assets/${params.name}`),
  ]
}

function pageOf(octets: Uint8Array, packed: Uint8Array | undefined): Page {
  const codings = new Map([["", octets]])
  if (packed !== undefined) codings.set("br", packed)
  codings.set("gzip", gzipSync(octets))
  const hash = (text: string | Uint8Array) => createHash("sha256").update(text).digest("base64")
  const text = Buffer.from(octets).toString()
  const inline = (tag: string): string[] =>
    Array.from(
      text.matchAll(new RegExp(`<${tag}>([^]*?)</${tag}>`, "g")),
      ([, content]) => `'sha256-${hash(content!)}'`,
    )
  return {
    codings,
    tag: hash(octets).slice(0, 22),
    policy: policyOf({ style: inline("style"), script: inline("script") }),
  }
}

function answerOf(name: string, page: Page | undefined, { header }: AdminRequest): AdminAnswer {
  if (page === undefined) {
    if (name !== "index.html") throw new AdminError(404, `there is no ${name} here`)
    const headers = { "content-security-policy": policyOf({ style: [], script: [] }) }
    return { text: NOT_BUILT, contentType: CONTENT_TYPES[".html"]!, headers }
  }
  const accepted = (header("accept-encoding") ?? "").split(",").map((each) => each.trim())
  const coding = ["br", "gzip"].find((each) => accepted.includes(each) && page.codings.has(each)) ?? ""
  const tag = `"${page.tag}${coding}"`
  const isKnown = (header("if-none-match") ?? "").includes(tag)
  return {
    ...(isKnown && { status: 304 }),
    text: isKnown ? "" : page.codings.get(coding)!,
    contentType: CONTENT_TYPES[extname(name)] ?? "application/octet-stream",
    headers: {
      "content-security-policy": page.policy,
      vary: "accept-encoding",
      etag: tag,
      // What is in assets/ has its content in its name.
      "cache-control": name.startsWith("assets/") ? "max-age=31536000, immutable" : "no-cache",
      ...(coding !== "" && !isKnown && { "content-encoding": coding }),
    },
  }
}

/** By their names in the page's folder; none in a checkout where it was not built. */
function builtFiles(): Map<string, Uint8Array> {
  if (isSea()) {
    const keys = getAssetKeys().filter((key) => key.startsWith(`${DASHBOARD}/`))
    return new Map(keys.map((key) => [key.slice(DASHBOARD.length + 1), new Uint8Array(getRawAsset(key))]))
  }
  try {
    const names = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
    return new Map(names.map((path) => [path.slice(folder.length).replaceAll(sep, "/"), readFileSync(path)]))
  } catch {
    return new Map()
  }
}

/** In `dist` of a checkout, and beside the code that is there in the package. */
const folder = fileURLToPath(
  new URL(
    import.meta.url.endsWith(".ts") ? "../../../dist/dashboard/" : "../../../dashboard/",
    import.meta.url,
  ),
)
