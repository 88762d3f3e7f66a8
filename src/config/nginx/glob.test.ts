import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { isInstalled } from "../../../test/support/nginx.ts"
import { expandGlob } from "./glob.ts"

const DIRECTORIES: Record<string, string[]> = {
  "/etc/conf.d": ["b.conf", "a.conf", ".hidden.conf", "a.conf.bak", "[x].conf"],
  "/etc/odd": ["^.conf", "a.conf", "*.conf", "1.conf", "].conf", "\\.conf", "é.conf", "-.conf"],
  "/etc/sites": ["one", "two"],
  "/etc": ["conf.d", "sites"],
  rel: ["a.conf"],
}

const CASES: [pattern: string, paths: string[]][] = [
  ["/etc/conf.d/*.conf", ["/etc/conf.d/[x].conf", "/etc/conf.d/a.conf", "/etc/conf.d/b.conf"]],
  ["/etc/conf.d/?.conf", ["/etc/conf.d/a.conf", "/etc/conf.d/b.conf"]],
  ["/etc/conf.d/[a-a].conf", ["/etc/conf.d/a.conf"]],
  ["/etc/conf.d/[!a].conf", ["/etc/conf.d/b.conf"]],
  ["/etc/conf.d/[[]x].conf", ["/etc/conf.d/[x].conf"]],
  ["/etc/conf.d/.*.conf", ["/etc/conf.d/.hidden.conf"]],
  ["/etc/*/one", ["/etc/sites/one"]],
  ["/etc/none/*", []],
  ["/etc/conf.d/*.none", []],
  ["/etc/conf.d/[", []],
  ["/etc/conf.d/*.c*f", ["/etc/conf.d/[x].conf", "/etc/conf.d/a.conf", "/etc/conf.d/b.conf"]],
  ["/etc/conf.d/[]a].conf", ["/etc/conf.d/a.conf"]],
  ["/etc/conf.d/[b-].conf", ["/etc/conf.d/b.conf"]],
  ["rel/*.conf", ["rel/a.conf"]],
  ["/etc/conf.d/[^a].conf", ["/etc/conf.d/b.conf"]],
  ["/etc/odd/[a^].conf", ["/etc/odd/^.conf", "/etc/odd/a.conf"]],
  ["/etc/odd/[[:alpha:]].conf", ["/etc/odd/a.conf"]],
  ["/etc/odd/[^[:alpha:][:punct:]].conf", ["/etc/odd/1.conf"]],
  ["/etc/odd/[![:digit:]\\]*\\\\^-].conf", ["/etc/odd/a.conf"]],
  ["/etc/odd/[[:none:]a].conf", []],
  ["/etc/odd/[^[:none:]].conf", []],
  ["/etc/odd/[[.a.]-[.b.]].conf", ["/etc/odd/a.conf"]],
  ["/etc/odd/[[=a=]].conf", ["/etc/odd/a.conf"]],
  ["/etc/odd/[\\0-\\9].conf", ["/etc/odd/1.conf"]],
  ["/etc/odd/[b-a].conf", []],
  ["/etc/odd/??.conf", ["/etc/odd/é.conf"]],
  ["/etc/conf.d/\\.*.conf", ["/etc/conf.d/.hidden.conf"]],
  ["/etc/odd/\\*.conf", ["/etc/odd/*.conf"]],
  ["/etc/odd/\\a.con[f]", ["/etc/odd/a.conf"]],
  ["/etc/odd/[\\]].conf", ["/etc/odd/].conf"]],
  ["/etc/odd/[^]^a*1é-].conf", ["/etc/odd/\\.conf"]],
  ["/etc/\\odd/[[:digit:]].conf", ["/etc/odd/1.conf"]],
]

test.each(CASES)("%s", (pattern, paths) => {
  expect(expandGlob(pattern, (directory) => DIRECTORIES[directory] ?? [])).toEqual(paths)
})

test.skipIf(!isInstalled("nginx", "-v", "nginx-light"))("nginx includes the same files", (t) => {
  const root = mkdtempSync(join(tmpdir(), "sluice-glob-"))
  t.onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const [directory, names] of Object.entries(DIRECTORIES)) {
    mkdirSync(join(root, directory), { recursive: true })
    for (const name of names)
      if (DIRECTORIES[join(directory, name)] === undefined && !["conf.d", "sites"].includes(name))
        writeFileSync(join(root, directory, name), "")
  }
  const wrong = CASES.filter(([pattern]) => pattern.startsWith("/")).flatMap(([pattern, paths]) => {
    const conf = join(root, "nginx.conf")
    writeFileSync(conf, `pid ${root}/pid; events {} include "${root}${pattern.replaceAll("\\", "\\\\")}";`)
    const { stdout } = spawnSync("nginx", ["-T", "-p", root, "-c", conf, "-e", "stderr"], {
      encoding: "utf8",
    })
    const included = [...stdout.matchAll(/^# configuration file (.*):$/gm)].map(([, path]) => path!).slice(1)
    const theirs = included.map((path) => path.slice(root.length))
    return JSON.stringify(theirs) === JSON.stringify(paths) ? [] : [{ pattern, theirs, paths }]
  })
  expect(wrong).toEqual([])
})

test("many stars cost no more than pattern times name", () => {
  expect(expandGlob("d/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", () => ["a".repeat(255)])).toEqual([])
})
