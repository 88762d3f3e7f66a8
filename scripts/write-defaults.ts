import { readFileSync, writeFileSync } from "node:fs"
import { type Default, defaults, markdownDefault } from "../src/config/defaults-table.ts"

type Section = Readonly<Record<string, Default<unknown>>>

/** Which defaults a table of docs/configuration.md shows: by the heading above it and the head of its first column. */
const SECTIONS: readonly [heading: string, column: string, section: Section][] = [
  ["The file", "key", defaults.file],
  ["The file", "key of `admin`", defaults.admin],
  ["The file", "key of `tracing`", defaults.tracing],
  ["The file", "key of `xds`", defaults.xds],
  ["Listeners", "key", defaults.listener],
  ["Listeners", "key of `tls`", defaults.listenerTls],
  ["Servers", "key", defaults.server],
  ["Routes", "key", defaults.route],
  ["Routes", "key of `tls`", defaults.upstreamTls],
  ["Settings", "key", defaults.settings],
  ["Settings", "key of `jwt`", defaults.jwt],
  ["Settings", "key of `extAuthz`", defaults.extAuthz],
  ["Settings", "key of `rateLimitService`", defaults.rateLimitService],
  ["Settings", "key of `bridge`", defaults.bridge],
  ["Settings", "key of `continuity`", defaults.continuity],
  ["Settings", "key of `trace`", defaults.trace],
  ["Settings", "key of `accessLog`", defaults.accessLog],
  ["TCP", "key", defaults.tcp],
  ["Clusters", "key", defaults.cluster],
  ["Clusters", "key of `healthCheck`", defaults.healthCheck],
  ["Clusters", "key of an endpoint", defaults.endpoint],
]

/** docs/configuration.md with the last columns of its tables from src/config/defaults-table.ts. */
export function withDefaults(text: string): string {
  let heading = ""
  let section: Section | undefined
  return text
    .split("\n")
    .map((line) => {
      heading = /^## (.*)/.exec(line)?.[1] ?? heading
      const [, column] = /^\| (key[^|]*?) +\|/.exec(line) ?? []
      if (column !== undefined) section = SECTIONS.find(([h, c]) => h === heading && c === column)?.[2]
      if (!line.startsWith("|")) section = undefined
      const [, before, key] = /^(\| `(\w+)` \|.*\|)[^|]*\|$/.exec(line) ?? []
      const text = key === undefined || section === undefined ? null : defaultOf(section, key)
      return text === null ? line : `${before} ${text} |`
    })
    .join("\n")
}

/** Of the key itself, or of the keys in its map: `keepalive` has `keepaliveInterval` and `keepaliveTimeout`. */
function defaultOf(section: Section, key: string): string | null {
  const one = section[key]
  if (one !== undefined) return markdownDefault(one)
  const parts = Object.keys(section).filter((name) => new RegExp(`^${key}[A-Z]`).test(name))
  const isShown = parts.length > 0 && key !== "retry" && key !== "return"
  return isShown ? parts.map((name) => markdownDefault(section[name]!)).join(", ") : null
}

if (import.meta.main) {
  const path = new URL("../docs/configuration.md", import.meta.url)
  writeFileSync(path, withDefaults(readFileSync(path, "utf8")))
}
