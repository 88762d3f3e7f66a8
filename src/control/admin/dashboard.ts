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

/** The page asks nothing of any other host, and no other page frames it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

const NOT_BUILT = `<!doctype html><title>Sluice</title>
<p>The dashboard is not built in this checkout: <code>npm run build</code>. The API is here: <a href="/status">/status</a>,
<a href="/openapi.json">/openapi.json</a>.
`

interface Page {
  readonly octets: Uint8Array
  readonly gzipped: Uint8Array
}

/** The files of the dashboard: no secrets, so that the page itself can ask for the token. */
export function dashboardRoutes(read: () => Map<string, Uint8Array> = builtFiles): AdminRoute[] {
  let pages: Map<string, Page> | null = null
  const find = (name: string): Page | undefined => {
    if (pages === null) {
      const files = read()
      const made = new Map(
        Array.from(files, ([path, octets]) => [path, { octets, gzipped: gzipSync(octets) }]),
      )
      // One that is not built may be yet.
      if (made.size === 0) return undefined
      pages = made
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

function answerOf(name: string, page: Page | undefined, { header }: AdminRequest): AdminAnswer {
  const headers = { "content-security-policy": POLICY }
  if (page === undefined) {
    if (name !== "index.html") throw new AdminError(404, `there is no ${name} here`)
    return { text: NOT_BUILT, contentType: CONTENT_TYPES[".html"]!, headers }
  }
  const isGzipped = /\bgzip\b/.test(header("accept-encoding") ?? "")
  return {
    text: isGzipped ? page.gzipped : page.octets,
    contentType: CONTENT_TYPES[extname(name)] ?? "application/octet-stream",
    headers: {
      ...headers,
      vary: "accept-encoding",
      // What is in assets/ has its content in its name.
      "cache-control": name.startsWith("assets/") ? "max-age=31536000, immutable" : "no-cache",
      ...(isGzipped && { "content-encoding": "gzip" }),
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
