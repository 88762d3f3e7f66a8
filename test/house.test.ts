/** The rules of the house: which way imports go, who may touch a socket, a clock or chance, and no file without a user. */
import { globSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { describe, expect, test } from "vitest"

const ROOT = join(import.meta.dirname, "..")

interface Import {
  /** Relative to the root; or the name of a package or of node's module. */
  readonly target: string
  readonly isType: boolean
  /** When it is needed, and not before. */
  readonly isLazy: boolean
  readonly names: string
}

interface Module {
  /** Relative to the root. */
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
}

const IMPORT =
  /^(?:import|export) (type )?([^"';]*?) from "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm

function read(path: string): Module {
  const text = readFileSync(join(ROOT, path), "utf8")
  const imports = [...text.matchAll(IMPORT)].map(([, type, names = "", from, bare, dynamic]): Import => {
    const written = (from ?? bare ?? dynamic)!
    const target = written.startsWith(".") ? relative(ROOT, join(ROOT, dirname(path), written)) : written
    return { target, isType: type !== undefined, isLazy: dynamic !== undefined, names }
  })
  return { path, text, imports }
}

const isTest = (path: string): boolean => path.endsWith(".test.ts") || path.includes("/testdata/")
const sources = globSync("src/**/*.ts", { cwd: ROOT })
  .filter((path) => !isTest(path))
  .map(read)

/** The rooms of src, from the top of the house down: a file may import of its own room and of those below it. */
const ROOMS = [
  "grpc-js",
  "cli",
  "control",
  "balancer",
  "bridge",
  "origin",
  "tcp",
  "access",
  "relay",
  "xds",
  "cluster",
  "net",
  "log",
  "config",
  "record",
  "regex",
  "http1",
  "http2",
  "grpc",
  "base",
] as const

/** The wings of `relay`, from the top down. */
const WINGS = ["downstream", "call", "route", "upstream", "overload", "pacing"] as const

/** Rooms that stand apart: pages' code imports of its own room alone, the library's surface is above all. */
const APART = new Set(["web"])

/** Neighbours on the way down that a room has no business with. */
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  // Sans-IO: octets in, events out.
  http1: ["grpc"],
  http2: ["grpc"],
  // No socket, no HTTP.
  cluster: ["net", "http1", "http2", "grpc", "log", "record"],
  grpc: ["base"],
}

/** All of `base`, by name, or it becomes the attic: what all rooms use and what uses none. */
const BASE = [
  "clock.ts",
  "counters.ts",
  "histogram.ts",
  "keepalive.ts",
  "limits.ts",
  "octet-buffer.ts",
  "octet-text.ts",
  "pieces.ts",
  "program-file.ts",
  "random.ts",
  "resolve-limits.ts",
  "roster.ts",
  "server-names.ts",
  "steps.ts",
  "tags.ts",
  "timer-wheel.ts",
  "turn-cause.ts",
  "version.ts",
]

/** `src/http2/frame/types.ts` is of `http2`; null: a file right under src. */
function roomOf(path: string): string | null {
  const [, room, more] = path.split("/")
  return more === undefined ? null : room!
}

function rank(order: readonly string[], name: string | undefined): number {
  return name === undefined ? -1 : order.indexOf(name)
}

/** What `module` may not import, as sentences. */
function upward({ path, imports }: Module): string[] {
  const room = roomOf(path)
  const wing = room === "relay" ? path.split("/")[2] : undefined
  return imports
    .filter(({ target }) => target.startsWith("src/") || target.startsWith("examples/"))
    .filter(({ target }) => {
      if (target.startsWith("examples/")) return true
      const to = roomOf(target)
      if (room === null) return false
      if (to === room) return wing !== undefined && rank(WINGS, target.split("/")[2]) < rank(WINGS, wing)
      if (to === null || APART.has(room) || APART.has(to)) return true
      return rank(ROOMS, to) < rank(ROOMS, room) || FORBIDDEN[room]?.includes(to) === true
    })
    .map(({ target }) => `${path} imports ${target}`)
}

/** Files that import each other, in a round; one line for each such knot. */
function circles(modules: readonly Module[]): string[] {
  const graph = new Map(modules.map(({ path, imports }) => [path, imports.map(({ target }) => target)]))
  const order = new Map<string, { index: number; low: number; isOpen: boolean }>()
  const open: string[] = []
  const found: string[] = []
  const visit = (path: string): number => {
    const here = { index: order.size, low: order.size, isOpen: true }
    order.set(path, here)
    open.push(path)
    for (const target of graph.get(path)!) {
      if (!graph.has(target)) continue
      const there = order.get(target)
      if (there === undefined) here.low = Math.min(here.low, visit(target))
      else if (there.isOpen) here.low = Math.min(here.low, there.index)
    }
    if (here.low === here.index) {
      const knot = open.splice(open.indexOf(path))
      for (const member of knot) order.get(member)!.isOpen = false
      if (knot.length > 1) found.push(knot.sort().join(" <-> "))
    }
    return here.low
  }
  for (const path of graph.keys()) if (!order.has(path)) visit(path)
  return found
}

function modulesOf(pattern: string): Module[] {
  return globSync(pattern, { cwd: ROOT, exclude: (path) => /node_modules|\/gen\//.test(path) })
    .filter((path) => !isTest(path))
    .map(read)
}

describe("imports go down only", () => {
  test.each([...ROOMS, ...APART])("%s", (room) => {
    const members = sources.filter(({ path }) => roomOf(path) === room)
    expect(members.length).toBeGreaterThan(0)
    expect(members.flatMap(upward)).toEqual([])
  })

  test("the imports were found", () => {
    const found = sources.reduce((sum, { imports }) => sum + imports.length, 0)
    expect(found / sources.length).toBeGreaterThan(3)
  })

  test("every file has a room, and index.ts alone stands at the door", () => {
    const rooms: ReadonlySet<string | null> = new Set([...ROOMS, ...APART])
    const loose = sources.map(({ path }) => path).filter((path) => !rooms.has(roomOf(path)))
    expect(loose).toEqual(["src/index.ts"])
  })

  test("every file of the relay has a wing", () => {
    const wings: ReadonlySet<string> = new Set(WINGS)
    const loose = sources
      .map(({ path }) => path)
      .filter((path) => roomOf(path) === "relay" && !wings.has(path.split("/")[2]!))
    expect(loose).toEqual([])
  })

  test("base holds what its list says", () => {
    const files = sources.map(({ path }) => path).filter((path) => roomOf(path) === "base")
    expect(files.map((path) => path.slice("src/base/".length)).sort()).toEqual(BASE)
  })

  test.each(["src", "bench", "test", "examples"])("no circle of files in %s, not even of types", (folder) => {
    expect(circles(modulesOf(`${folder}/**/*.{ts,tsx}`))).toEqual([])
  })

  test("an upward import and a circle would be seen", () => {
    const module = (path: string, ...targets: string[]): Module => ({
      path,
      text: "",
      imports: targets.map((target) => ({ target, isType: true, isLazy: false, names: "" })),
    })
    const leg = "src/relay/call/leg.ts"
    expect(upward(module("src/http2/stream.ts", leg))).toHaveLength(1)
    expect(upward(module("src/relay/upstream/upstream.ts", leg))).toHaveLength(1)
    expect(upward(module(leg, "src/relay/upstream/upstream.ts", "src/base/clock.ts"))).toEqual([])
    expect(upward(module("src/cluster/pool.ts", "src/net/link.ts"))).toHaveLength(1)
    expect(upward(module("src/cli/demo.ts", "examples/chat/commands.ts"))).toHaveLength(1)
    expect(circles([module("a", "b"), module("b", "c"), module("c", "b")])).toEqual(["b <-> c"])
  })

  test("the data plane depends on no package", () => {
    const own: ReadonlySet<string | null> = new Set([
      "http1",
      "http2",
      "grpc",
      "net",
      "cluster",
      "relay",
      "record",
      "regex",
      "base",
    ])
    const isOwn = (path: string): boolean => own.has(roomOf(path)) || path.startsWith("src/config/nginx/")
    const wrong = sources
      .filter(({ path }) => isOwn(path))
      .flatMap(({ path, imports }) => imports.map(({ target }) => ({ path, target })))
      .filter(
        ({ target }) =>
          !target.startsWith("src/") && !target.startsWith("node:") && !target.endsWith(".json"),
      )
    expect(wrong).toEqual([])
  })
})

test("packages of OpenTelemetry are loaded by one file, and only when it is asked to", () => {
  const naming = sources.filter(({ text }) => text.includes('"@opentelemetry/'))
  expect(naming.map(({ path }) => path)).toEqual(["src/control/tracing/otlp.ts"])
  expect(naming[0]!.text).not.toMatch(/^(import|export) .*from "@opentelemetry/m)
})

test("to check an nginx.conf no package is loaded: what reads YAML alone takes longer than most files", () => {
  const byPath = new Map(sources.map((each) => [each.path, each]))
  const seen = new Set<string>()
  const packages: string[] = []
  const visit = (path: string): void => {
    if (seen.has(path)) return
    seen.add(path)
    const { imports } = byPath.get(path)!
    for (const { target, isType, isLazy } of imports) {
      if (isType || isLazy) continue
      if (target.startsWith("src/")) visit(target)
      else if (!target.startsWith("node:") && !target.endsWith(".json")) packages.push(`${path}: ${target}`)
    }
  }
  for (const path of ["src/cli/check.ts", "src/config/load-with.ts"]) visit(path)
  expect(packages).toEqual([])
})

/** Values of node's socket modules; their types, and functions that only look at an address, are everyone's. */
const SOCKET_MODULES = /^node:(net|tls|http|https|http2|dgram)$/
const ADDRESS_WORDS = new Set(["isIP", "isIPv4", "isIPv6", "SocketAddress", "BlockList"])
const SOCKETS_ELSEWHERE: Readonly<Record<string, RegExp>> = {
  // HTTP/1.1 is parsed by node.
  "src/bridge/": /^node:http$/,
  // So is the admin API, which no stream passes through.
  "src/control/admin/": /^node:http$/,
  "src/cli/admin/": /^node:http$/,
  // A client of the admin API, in programs of others.
  "src/grpc-js/": /^node:http$/,
  // It has to see what the data plane would only fail at.
  "src/cli/doctor/": /^node:(net|tls|http2)$/,
}

test("only src/net touches sockets", () => {
  const wrong = sources
    .filter(({ path }) => roomOf(path) !== "net")
    .flatMap(({ path, imports }) => {
      const mayUse = Object.entries(SOCKETS_ELSEWHERE).find(([prefix]) => path.startsWith(prefix))?.[1]
      return imports
        .filter(
          ({ target, isType }) => SOCKET_MODULES.test(target) && !isType && mayUse?.test(target) !== true,
        )
        .map(({ target, names }) => ({ path, target, values: valuesOf(names) }))
        .filter(({ values }) => values.some((name) => !ADDRESS_WORDS.has(name)))
    })
  expect(wrong).toEqual([])
})

function valuesOf(names: string): string[] {
  return names
    .replace(/[{}]/g, "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && !name.startsWith("type "))
    .map((name) => name.split(" as ")[0]!)
}

test("only clock.ts tells the time and sets timers, only random.ts throws dice", () => {
  const wild = /\b(Date\.now|new Date\(\)|performance\.now|setTimeout|setInterval|Math\.random)\b/
  const wrong = sources
    .filter(({ path }) => path !== "src/base/clock.ts" && path !== "src/base/random.ts")
    // A page imports nothing of the rest.
    .filter(({ path }) => !path.startsWith("src/web/"))
    .flatMap(({ path, text }) =>
      text
        .split("\n")
        .map((line, at) => ({ line, at }))
        .filter(({ line }) => wild.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line))
        .map(({ line, at }) => `${path}:${at + 1}: ${line.trim()}`),
    )
  expect(wrong).toEqual([])
})

test("what holds of endpoints, connections and turns does not depend on the time of day, which people set", () => {
  const rooms = /^src\/(cluster|control\/(discovery|health)|relay\/(pacing|upstream|overload)|net|http2)\//
  const wrong = sources.filter(({ path, text }) => rooms.test(path) && text.includes("wallMs"))
  expect(wrong.map(({ path }) => path)).toEqual([])
})

test("no file that nobody imports", () => {
  const others = globSync("{test,bench,examples,scripts}/**/*.ts", {
    cwd: ROOT,
    exclude: (path) => /node_modules|\/gen\//.test(path),
  })
  const everyone = [...sources, ...globSync("src/**/*.test.ts", { cwd: ROOT }).map(read), ...others.map(read)]
  const used = new Set(
    everyone
      .filter(({ path }) => !isTest(path))
      .flatMap(({ imports }) => imports.map(({ target }) => target)),
  )
  const shipped = readFileSync(join(ROOT, "package.json"), "utf8")
    .replaceAll("./dist/", "src/")
    .replaceAll("dist/", "src/")
  const isEntry = (path: string): boolean => shipped.includes(path.replace(/\.ts$/, ".js"))
  const spawned = (path: string): boolean =>
    everyone.some(({ text }) => text.includes(`/${path.split("/").at(-1)}"`))
  const unused = sources
    .map(({ path }) => path)
    .filter((path) => !used.has(path) && !isEntry(path) && !spawned(path))
  expect(unused).toEqual([])

  const testHelpers = others.filter((path) => path.startsWith("test/support/"))
  const usedByTests = new Set(everyone.flatMap(({ imports }) => imports.map(({ target }) => target)))
  expect(testHelpers.filter((path) => !usedByTests.has(path))).toEqual([])
})

/** Words that a reader has to translate, and what to say in their place. */
const BANNED: readonly [pattern: RegExp, instead: string][] = [
  [/\bwhoever\b/i, "the noun: the caller, the listener, the peer"],
  [/\b(nobody|somebody|everybody else)\b/i, "no client, a process, others: the noun that is meant"],
  [/\bfor ever\b/i, "without end, indefinitely"],
  [/\b(come|comes|came) to nothing\b/i, "failed"],
  [/\bof ours\b/i, "our"],
]

const prose = {
  comments: globSync("{src,test,bench,examples,scripts}/**/*.{ts,tsx}", {
    cwd: ROOT,
    exclude: (path) => /node_modules|\/gen\//.test(path),
  }),
  docs: globSync("{*.md,{docs,bench,examples,test}/**/*.md}", {
    cwd: ROOT,
    exclude: (path) => path.includes("node_modules"),
  }),
}

/** Each line of a file, with where it stands. */
function linesOf(path: string): { line: string; where: string }[] {
  const text = readFileSync(join(ROOT, path), "utf8")
  return text.split("\n").map((line, at) => ({ line, where: `${path}:${at + 1}` }))
}

/** Tables, code, headings and links that stand alone are as wide as they are. */
function proseLines(path: string): { line: string; where: string }[] {
  let isCode = false
  return linesOf(path).filter(({ line }) => {
    const isFence = /^\s*(```|~~~)/.test(line)
    if (isFence) isCode = !isCode
    return !isCode && !isFence && !/^\s*(\||#|<)/.test(line)
  })
}

test("a file of the relay is read on a few screens", () => {
  const linesMax = 300
  const long = sources
    .filter(({ path }) => roomOf(path) === "relay")
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > linesMax)
  expect(long).toEqual([])
})

describe("plain words", () => {
  test("in comments", () => {
    const found = prose.comments
      .filter((path) => path !== "test/house.test.ts")
      .flatMap(linesOf)
      .flatMap(({ line, where }) => {
        const comment = /(?:^|\s)(\/\/|\/?\*\*?)\s(.*)$/.exec(line)?.[2] ?? ""
        const banned = BANNED.find(([pattern]) => pattern.test(comment))
        return banned === undefined ? [] : [`${where}: ${line.trim()} (say: ${banned[1]})`]
      })
    expect(found).toEqual([])
  })

  test("in docs", () => {
    const found = prose.docs.flatMap(proseLines).flatMap(({ line, where }) => {
      const banned = BANNED.find(([pattern]) => pattern.test(line))
      return banned === undefined ? [] : [`${where}: ${line.trim()} (say: ${banned[1]})`]
    })
    expect(found).toEqual([])
  })

  test("prose of docs is at most 120 columns wide", () => {
    const found = prose.docs
      .flatMap(proseLines)
      .filter(({ line }) => line.length > 120 && /\S\s\S/.test(line.slice(0, 120)))
      .map(({ where, line }) => `${where}: ${line.length} columns`)
    expect(found).toEqual([])
  })
})
