import { expect, test } from "vitest"
import { expandGlob } from "./glob.ts"

const DIRECTORIES: Record<string, string[]> = {
  "/etc/conf.d": ["b.conf", "a.conf", ".hidden.conf", "a.conf.bak", "[x].conf"],
  "/etc/sites": ["one", "two"],
  "/etc": ["conf.d", "sites"],
  rel: ["a.conf"],
}

test.each<[pattern: string, paths: string[]]>([
  ["/etc/conf.d/*.conf", ["/etc/conf.d/[x].conf", "/etc/conf.d/a.conf", "/etc/conf.d/b.conf"]],
  ["/etc/conf.d/?.conf", ["/etc/conf.d/a.conf", "/etc/conf.d/b.conf"]],
  ["/etc/conf.d/[a-a].conf", ["/etc/conf.d/a.conf"]],
  ["/etc/conf.d/[!a].conf", ["/etc/conf.d/b.conf"]],
  ["/etc/conf.d/[[]x].conf", ["/etc/conf.d/[x].conf"]],
  ["/etc/conf.d/.*.conf", ["/etc/conf.d/.hidden.conf"]],
  ["/etc/*/one", ["/etc/conf.d/one", "/etc/sites/one"]],
  ["/etc/none/*", []],
  ["/etc/conf.d/*.none", []],
  ["/etc/conf.d/[", []],
  ["/etc/conf.d/*.c*f", ["/etc/conf.d/[x].conf", "/etc/conf.d/a.conf", "/etc/conf.d/b.conf"]],
  ["/etc/conf.d/[]a].conf", ["/etc/conf.d/a.conf"]],
  ["/etc/conf.d/[b-].conf", ["/etc/conf.d/b.conf"]],
  ["rel/*.conf", ["rel/a.conf"]],
])("%s", (pattern, paths) => {
  expect(expandGlob(pattern, (directory) => DIRECTORIES[directory] ?? [])).toEqual(paths)
})

test("many stars cost no more than pattern times name", () => {
  expect(expandGlob("d/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", () => ["a".repeat(255)])).toEqual([])
})
