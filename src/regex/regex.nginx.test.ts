/** PCRE's features, each by what it captures; and the same through real nginx, which must capture the same. */

import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { expect, test } from "vitest"
import { patterns } from "../../test/support/arbitrary-regex.ts"
import { isInstalled, startNginx } from "../../test/support/nginx.ts"
import { compileRegex, Regex } from "./regex.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")

/**
 * A pattern, and for each path (as octets) what `$1` to `$3` hold; null: no match. A group that took no part is empty.
 */
const CASES: [pattern: string, paths: Record<string, string | null>][] = [
  ["^/(a)(b)?$", { "/ab": "a,b,", "/a": "a,,", "/abb": null }],
  ["^/(?<x>a+)(?P<y>b+)(?'z'c+)", { "/aabbc": "aa,bb,c" }],
  ["^/(a|ab)(c|bcd)(d*)$", { "/abcd": "a,bcd,", "/acd": "a,c,d" }],
  ["^/(.*)/(.*)/(.*)$", { "/a/b/c/d": "a/b,c,d", "/a/b": null }],
  ["^/(.*?)/(.*?)/(.*)$", { "/a/b/c/d": "a,b,c/d" }],
  ["^/(?U)(.*)/(.*?)$", { "/a/b/c": "a,b/c," }],
  ["^/(a++)(a*)b", { "/aab": "aa,," }],
  ["^/(?>a+)ab", { "/aaab": null }],
  ["^/(a?+)a$", { "/a": null, "/aa": "a,," }],
  ["^/(a{2,3}+)a", { "/aaa": null, "/aaaa": "aaa,," }],
  ["^/(a{2})(a{1,2}?)(a{0,})$", { "/aaaaa": "aa,a,aa", "/aa": null }],
  ["^/(\\p{N}+)(\\p{^L})(\\P{Lu})$", { "/12_a": "12,_,a", "/12_A": null }],
  ["^/([\\p{Lu}\\pN-]+)(\\p{L&})$", { "/A1-b": "A1-,b,", "/a1b": null }],
  ["^/(\\p{L}+)$", { "/\xe9\xb5\xaa": "\xe9\xb5\xaa,,", "/\xd7": null }],
  ["(?i)^/(\\p{Lu}+)$", { "/A": "A,,", "/ab": null }],
  ["^/a{,x(b)", { "/a{,xb": "b,," }],
  ["^/(?=(a+))a(b|a)", { "/aab": "aa,a," }],
  ["^/(?!ab)(a.)", { "/ab": null, "/ac": "ac,," }],
  ["(?<=/x)(y+)(?<!yyy)", { "/xyyy": "yy,,", "/yy": null }],
  ["(?<=a|bc)(d)", { "/ad": "d,,", "/bcd": "d,,", "/cd": null }],
  ["^/(a|b)\\1$", { "/aa": "a,,", "/ab": null }],
  ["^/(?i)(a)\\1$", { "/aA": "a,,", "/Ab": null }],
  ["^/(?<n>a|b)-\\k<n>\\g{n}(?P=n)\\g1\\g{-1}$", { "/b-bbbbb": "b,,", "/b-bbbba": null }],
  ["^/(?:(a)|b)\\1", { "/aa": "a,,", "/b": null }],
  ["^/(?:(a)|(b))*$", { "/ab": "a,b,", "/ba": "a,b," }],
  ["^/(?:(a)|b)*$", { "/ab": "a,,", "/b": ",," }],
  ["^/((a)|b)*$", { "/ab": "b,a," }],
  ["^/(a*)*$", { "/aa": ",,", "/": ",," }],
  ["^/(a*)+$", { "/aa": ",,", "/": ",," }],
  ["^/(a|b*)*$", { "/ba": ",,", "/a": ",," }],
  ["^/(?|(a)x|(b)(y))(c)", { "/axc": "a,,c", "/byc": "b,y,c" }],
  ["^/(a)?(?(1)b|c)(d)", { "/abd": "a,d,", "/cd": ",d,", "/ad": null }],
  ["^/(?<q>a)?(?(<q>)b|c)$", { "/ab": "a,,", "/c": ",,", "/cb": null }],
  ["^/(?(?=a)(ab)|(cd))$", { "/ab": "ab,,", "/cd": ",cd,", "/ad": null }],
  ["(?i)^/(STRASSE|É)$", { "/strasse": "strasse,,", "/\xc3\x89": "\xc3\x89,,", "/\xc3\xa9": null }],
  ["^/(?i:A)(b)", { "/ab": "b,,", "/Ab": "b,,", "/aB": null }],
  ["^/a(?i)b|^/(c)", { "/aB": ",,", "/AB": null, "/C": "C,," }],
  ["^/(?i)a(?-i)b", { "/Ab": ",,", "/aB": null }],
  ["^/(?s)(.)$", { "/\n": "\n,,", "/a": "a,," }],
  ["^/(.)$", { "/\n": null, "/\r": "\r,," }],
  ["^/(a)$", { "/a\n": "a,,", "/a\n\n": null }],
  ["^/(a)\\z", { "/a\n": null, "/a": "a,," }],
  ["^/(a)\\Z", { "/a\n": "a,,", "/a\nb": null }],
  ["(?m)^(b)$", { "/a\nb\nc": "b,,", "/b": null }],
  ["(?m)(a)$^", { "/a\n": null }],
  ["\\A/(a)\\b(.)\\B", { "/a-.": "a,-,", "/a-b": null, "/ab": null }],
  ["\\G/(a)", { "/a": "a,,", "/b/a": null }],
  ["^/a\\K(b)", { "/ab": "b,,", "/b": null }],
  ["^/\\Qa.b(\\E(c)", { "/a.b(c": "c,,", "/aab(c": null }],
  ["^/[\\Qa-c]\\E]([\\d\\-x]+)$", { "/-5-x": "5-x,,", "/]1": "1,,", "/b1": null }],
  ["^/(?x) ( a ) # comment\n (b)[ ]", { "/ab ": "a,b,", "/ab": null }],
  ["^/(?xx)([a b]+)$", { "/ab": "ab,,", "/a b": null }],
  ["^/(?n)(a)(?<x>b)", { "/ab": "b,," }],
  ["^/(?#no)(a)(?#no)+$", { "/aa": "a,," }],
  ["^/(\\d+)(\\D)(\\w)$", { "/12-_": "12,-,_", "/1--": null }],
  ["^/(\\s)(\\S)$", { "/\x0bx": "\x0b,x,", "/\xa0x": null }],
  ["^/(\\h)(\\v)(\\H)$", { "/\xa0\x85x": "\xa0,\x85,x" }],
  ["^/(\\V)(\\N)$", { "/ab": "a,b,", "/\x0ba": null }],
  ["^/(\\R)(\\R?)$", { "/\r\n": "\r\n,,", "/\n\n": "\n,\n," }],
  ["^/(\\R)\\n$", { "/\r\n": null, "/\r\n\n": "\r\n,," }],
  ["^/([[:alpha:]_]+)([[:^digit:]])([[:punct:]])$", { "/aB_-!": "aB_,-,!", "/a1!": null }],
  ["^/([[:xdigit:]]+)([[:space:][:cntrl:]])$", { "/0aF\x01": "0aF,\x01," }],
  ["(?i)^/([[:upper:]]+)([[:^lower:]])", { "/aB1": "aB,1," }],
  ["^/([]a]+)([^]a]+)$", { "/]ab": "]a,b," }],
  ["^/([a-c-e]+)([+--]+)$", { "/a-e,-+": "a-e,,-+," }],
  ["^/([\\b\\a\\e\\f]+)$", { "/\x08\x07\x1b\x0c": "\x08\x07\x1b\x0c,," }],
  ["^/(\\x41\\x{42}\\103\\o{104}\\cA\\x4)$", { "/ABCD\x01\x04": "ABCD\x01\x04,," }],
  ["^/(a)\\101[\\101\\7]$", { "/aA\x07": "a,,", "/aAA": "a,," }],
  ["^/(\\.|\\/|\\-)+(x)", { "/.-x": "-,x," }],
  ["^/(.)(.)$", { "/\xc3\xa9": "\xc3,\xa9," }],
  ["^/[^a](é)$", { "/x\xc3\xa9": "\xc3\xa9,," }],
  ["^/(foo|foobar|fob)(.*)$", { "/foobar": "foo,bar,", "/fob": "fob,," }],
  ["^/(a|)(b|)$", { "/": ",,", "/b": ",b," }],
  ["(\\d+)(?:px|em)(?=;)", { "/a12px;": "12,,", "/12pt;": null }],
  ["^/(?:a|b(?=(c)))*", { "/abc": "c,," }],
  ["^/((?!b).)*(b)", { "/aab": "a,b," }],
  ["^/(?<year>\\d{4})-(?<month>\\d\\d)", { "/2024-12": "2024,12,", "/20-12": null }],
  [
    "^/files/(.+/)*report\\.pdf$",
    { "/files/a/b/report.pdf": "a/b/,,", "/files/report.pdf": ",,", "/files/a/": null },
  ],
]

const octets = (text: string): string => Buffer.from(text, "utf8").toString("latin1")

function ours(pattern: string, path: string): string | null {
  const match = new Regex(octets(pattern)).exec(path)
  if (typeof match === "string") return null
  return [1, 2, 3].map((group) => match.group(group) ?? "").join(",")
}

test.each(CASES)("%s", (pattern, paths) => {
  for (const [path, captured] of Object.entries(paths)) expect(ours(pattern, path), path).toBe(captured)
})

/** Servers of one nginx, each with one pattern; `ask` is what its groups hold, or null. */
async function nginxWith(t: Parameters<typeof startNginx>[0], all: readonly string[]) {
  const directory = mkdtempSync(join(tmpdir(), "sluice-regex-"))
  t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const socket = join(directory, "listen")
  // Groups that a pattern does not have are variables that hold nothing.
  const servers = all.map((pattern, at) => {
    return `server { listen unix:${socket}; server_name case${at};
      location / { return 404; } location ~ "${quoted(pattern)}" { return 200 "$1,$2,$3"; } }`
  })
  await startNginx(t, directory, "listen", `merge_slashes off;\n${servers.join("\n")}`)
  return (at: number, path: string) =>
    new Promise<string | null>((resolve, reject) => {
      const target = path.replace(/[^A-Za-z0-9/]/g, (octet) => {
        return `%${octet.charCodeAt(0).toString(16).padStart(2, "0")}`
      })
      const asked = request(
        { socketPath: socket, path: target, headers: { host: `case${at}` } },
        (response) => {
          const chunks: Buffer[] = []
          response.on("data", (chunk: Buffer) => chunks.push(chunk))
          response.on("end", () => {
            resolve(response.statusCode === 200 ? Buffer.concat(chunks).toString("latin1") : null)
          })
        },
      )
      asked.on("error", reject).end()
    })
}

function quoted(pattern: string): string {
  return pattern.replaceAll("\\", "\\\\").replaceAll('"', '\\"')
}

test.skipIf(!hasNginx)("nginx captures the same", async (t) => {
  const ask = await nginxWith(
    t,
    CASES.map(([pattern]) => pattern),
  )
  for (const [at, [pattern, paths]] of CASES.entries())
    for (const [path, captured] of Object.entries(paths))
      expect(await ask(at, path), `${pattern}: ${JSON.stringify(path)}`).toBe(captured)
})

test.skipIf(!hasNginx)("nginx captures the same of patterns and paths by chance", async (t) => {
  const seed = Date.now()
  const drawn = fc
    .sample(patterns, { numRuns: 300, seed })
    .map((pattern) => `^/${pattern}`)
    // Of lookbehind PCRE takes less, and more of it with each version.
    .filter((pattern) => !pattern.includes("(?<") && compileRegex(pattern) instanceof Regex)
  const paths = fc.sample(
    fc.string({ unit: fc.constantFrom("a", "b", "c", "A", "/", "\n"), maxLength: 10 }),
    {
      numRuns: 8,
      seed,
    },
  )
  const ask = await nginxWith(t, drawn)
  for (const [at, pattern] of drawn.entries())
    for (const path of paths)
      expect(await ask(at, `/${path}`), `seed ${seed}, ${pattern}: ${JSON.stringify(path)}`).toBe(
        ours(pattern, `/${path}`),
      )
})

/** Whether nginx takes a pattern, and so do we; where only nginx does, `docs/nginx.md` says so. */
const ACCEPTED: Record<"both" | "neither" | "nginx" | "we", string[]> = {
  both: [
    "a??",
    "(?i)",
    "[\\w-]",
    "(?<n>a)?(?(n)b|c)",
    "(a)?(?(-1)b|c)",
    "a|",
    "(?)",
    "[a[:alpha]",
    "a{",
    "\\E",
    "(?#x)a",
  ],
  neither: [
    "a**",
    "a{2}{3}",
    "^*",
    "\\b+",
    "*a",
    "a|*",
    "(",
    ")",
    "(?",
    "(?<",
    "(?z)",
    "[",
    "[]",
    "[z-a]",
    "a{2,1}",
    "a{65536}",
    "\\",
    "\\i",
    "\\u0041",
    "\\1",
    "(a)\\2",
    "\\k<n>",
    "(?P=n)",
    "\\xg\\x{",
    "\\x{100}",
    "\\400",
    "\\c",
    "[\\N]",
    "[\\B]",
    "[:alpha:]",
    "[[:foo:]]",
    "[[.a.]]",
    "(?<n>a)(?<n>b)",
    "(?<1>a)",
    "(?<é>a)",
    "(?<=a+)b",
    "(?<=a|b+)",
    "(?=\\K)",
    "(?#x",
    "(a)?(?(1)b|c|d)",
    "(?<aaaaaaaaaabbbbbbbbbbccccccccccddd>a)",
    "{2}",
    "\\N{U+41}",
  ],
  // What this engine does not do: recursion, verbs, Unicode, callouts, and what would be too large.
  nginx: [
    "\\p{Greek}",
    "\\X",
    "(?R)",
    "(a)(?1)",
    "(?<n>a)(?&n)",
    "(?P>n)(?<n>a)",
    "(*UTF8)a",
    "a(*SKIP)b",
    "(?C1)a",
    "(a{1000}){1000}",
    "(?(DEFINE)(a))b",
    "a{,3}",
    "[[:<:]]a",
    "(*pla:a)b",
    "(a)\\g<1>",
  ],
  // As PCRE before its second version.
  we: ["[\\w-x]", "[a-\\d]", "[[:digit:]-z]", "[a-[:digit:]]"],
}

test.each(Object.entries(ACCEPTED))("patterns that are taken by %s", (who, all) => {
  const isTaken = who === "both" || who === "we"
  for (const pattern of all) expect(compileRegex(octets(pattern)) instanceof Regex, pattern).toBe(isTaken)
})

test.skipIf(!hasNginx)("nginx takes and refuses the same", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-regex-"))
  t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, "nginx.conf")
  for (const [who, all] of Object.entries(ACCEPTED))
    for (const pattern of all) {
      writeFileSync(
        path,
        `pid ${directory}/pid; events {} http { access_log off; client_body_temp_path ${directory}/a;
        proxy_temp_path ${directory}/b; fastcgi_temp_path ${directory}/c; uwsgi_temp_path ${directory}/d;
        scgi_temp_path ${directory}/e;
        server { listen unix:${directory}/s; location ~ "${quoted(pattern)}" { return 200; } } }`,
      )
      const { status } = spawnSync("nginx", ["-t", "-p", directory, "-c", path, "-e", "stderr"])
      expect(status === 0, pattern).toBe(who === "both" || who === "nginx")
    }
})
