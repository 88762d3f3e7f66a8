/** The rules of the house: which way imports go, who may touch a socket, a clock or chance, and no file nobody needs. */
import { globSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { describe, expect, test } from "vitest"

const ROOT = join(import.meta.dirname, "..")

interface Import {
  /** Relative to the root; or the name of a package or of node's module. */
  readonly target: string
  readonly isType: boolean
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
    return { target, isType: type !== undefined, names }
  })
  return { path, text, imports }
}

const isTest = (path: string): boolean => path.endsWith(".test.ts") || path.includes("/testdata/")
const sources = globSync("src/**/*.ts", { cwd: ROOT })
  .filter((path) => !isTest(path))
  .map(read)

/** `src/http2/frame/types.ts` is of `http2`; a file right under src is of `foundation` or of `top`. */
function layerOf(path: string): string {
  const [, layer, more] = path.split("/")
  if (more !== undefined) return layer!
  return FOUNDATION.has(layer!) ? "foundation" : "top"
}

/** Files under src that everyone may use: they use nobody. */
const FOUNDATION = new Set([
  "clock.ts",
  "counters.ts",
  "deadlines.ts",
  "limits.ts",
  "octet-buffer.ts",
  "octet-text.ts",
  "random.ts",
  "resolve-limits.ts",
  "server-names.ts",
  "version.ts",
])

/**
 * Which layers a layer may import beside itself and the foundation. `log` writes what `relay` records, and its lines are
 * the relay's templates; what ties everything together (`cli`, and the files at the top of src) may see all.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  foundation: [],
  http2: [],
  grpc: [],
  net: ["http2", "grpc", "config", "log"],
  balancer: ["config"],
  config: ["grpc", "relay"],
  log: ["config", "relay"],
  relay: ["http2", "grpc", "balancer", "net", "config", "log"],
  /** Runs in browsers. */
  web: [],
  bridge: ["http2", "grpc", "net", "relay", "config", "log"],
}
const SEES_ALL = new Set(["top", "cli", "admin"])

/** The parts of `relay` that say what a template or a record is, and know nothing of streams. */
const RELAY_WORDS = new Set(["record.ts", "template.ts", "variables.ts"].map((name) => `src/relay/${name}`))

describe("imports go down only", () => {
  test.each(Object.keys(MAY_IMPORT))("%s", (layer) => {
    const wrong = sources
      .filter(({ path }) => layerOf(path) === layer)
      .flatMap(({ path, imports }) =>
        imports
          .filter(({ target }) => target.startsWith("src/"))
          .filter(({ target }) => ![layer, "foundation", ...MAY_IMPORT[layer]!].includes(layerOf(target)))
          .map(({ target }) => `${path} imports ${target}`),
      )
    expect(wrong).toEqual([])
  })

  test("the imports were found", () => {
    const found = sources.reduce((sum, { imports }) => sum + imports.length, 0)
    expect(found / sources.length).toBeGreaterThan(3)
  })

  test("every folder has a rule", () => {
    const layers = new Set(sources.map(({ path }) => layerOf(path)))
    expect([...layers].filter((layer) => !(layer in MAY_IMPORT) && !SEES_ALL.has(layer))).toEqual([])
  })

  test("config and log know the relay's words, not its streams", () => {
    const wrong = sources
      .filter(({ path }) => ["config", "log"].includes(layerOf(path)))
      .flatMap(({ path, imports }) => imports.map(({ target }) => ({ path, target })))
      .filter(({ target }) => layerOf(target) === "relay" && !RELAY_WORDS.has(target))
    expect(wrong).toEqual([])
  })

  test("the data plane depends on no package", () => {
    const own = ["http2", "grpc", "net", "balancer", "relay", "foundation"]
    const isOwn = (path: string): boolean =>
      own.includes(layerOf(path)) || path.startsWith("src/config/nginx/")
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

/** Values of node's socket modules; their types, and functions that only look at an address, are everyone's. */
const SOCKET_MODULES = /^node:(net|tls|http|https|http2|dgram)$/
const ADDRESS_WORDS = new Set(["isIP", "isIPv4", "isIPv6", "SocketAddress", "BlockList"])
const SOCKETS_ELSEWHERE: Readonly<Record<string, RegExp>> = {
  // HTTP/1.1 is parsed by node.
  "src/bridge/": /^node:http$/,
  // Asks the system whether a port is free before workers share it.
  "src/cli/workers.ts": /^node:net$/,
}

test("only src/net touches sockets", () => {
  const wrong = sources
    .filter(({ path }) => layerOf(path) !== "net")
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
    .filter(({ path }) => path !== "src/clock.ts" && path !== "src/random.ts")
    .flatMap(({ path, text }) =>
      text
        .split("\n")
        .map((line, at) => ({ line, at }))
        .filter(({ line }) => wild.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line))
        .map(({ line, at }) => `${path}:${at + 1}: ${line.trim()}`),
    )
  expect(wrong).toEqual([])
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
