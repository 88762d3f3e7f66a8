import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, test } from "vitest"
import { atOnce } from "../../base/steps.ts"
import { defaultRoute, defaultRouteSettings } from "../../config/defaults.ts"
import type { RouteConfig, RouteMatch, ServerConfig } from "../../config/model.ts"
import { hostOf, type Overrun, Router } from "./router.ts"

const settings = defaultRouteSettings()

function route(match: RouteMatch, routes: RouteConfig[] = []): RouteConfig {
  return { match, action: { kind: "none" }, settings, ...defaultRoute(), routes }
}

const exact = (path: string): RouteConfig => route({ kind: "exact", path })
const prefix = (path: string, routes: RouteConfig[] = []): RouteConfig =>
  route({ kind: "prefix", path, final: false }, routes)
const final = (path: string, routes: RouteConfig[] = []): RouteConfig =>
  route({ kind: "prefix", path, final: true }, routes)
const regex = (pattern: string, ignoreCase = false): RouteConfig =>
  route({ kind: "regex", pattern, ignoreCase })

const server = (names: string[], routes: RouteConfig[] = [], defaultFor: string[] = []): ServerConfig => {
  return {
    names,
    listeners: ["l"],
    defaultFor,
    order: "nginx",
    underscoresInHeaders: false,
    mergeSlashes: true,
    routes,
    rewrite: [],
    fallback: settings,
  }
}

const passing = (match: RouteMatch, routes: RouteConfig[] = []): RouteConfig => {
  const action: RouteConfig["action"] = { kind: "cluster", cluster: "c", tls: null }
  return { ...route(match, routes), action }
}

/** Says which route by how it was written, and for a server's fallback by its name. */
const routerOf = (...servers: ServerConfig[]): Router<string> =>
  atOnce(
    Router.make("l", servers, (config, one) => {
      if (one === null) return `${config.names[0]} falls back`
      const { match } = one
      if (match.kind === "named") return match.name
      return match.kind === "regex" ? `~ ${match.pattern}` : `${match.kind} ${match.path}`
    }),
  )

describe("locations, in nginx's order", () => {
  const routes = [
    prefix("/"),
    exact("/"),
    prefix("/chat."),
    prefix("/chat.Chat/"),
    exact("/chat.Chat/Exact"),
    final("/static/"),
    regex("\\.Chat/R"),
    regex("^/CASE", true),
    prefix("/outer/", [prefix("/outer/inner/"), exact("/outer/exact"), regex("x$")]),
    prefix("/nest/", [prefix("/nest/a/"), final("/nest/b/"), exact("/nest/.Chat/R"), regex("y$")]),
    final("/sealed/", [prefix("/sealed/a/")]),
    prefix("/é/"),
    exact("/聊天"),
    regex("^/ü(x|y)"),
  ]
  const router = routerOf(server(["a"], routes))

  test.each([
    ["/", "exact /"],
    ["/other", "prefix /"],
    ["/chat.Other/Call", "prefix /chat."],
    ["/chat.Chat/Call", "prefix /chat.Chat/"],
    ["/chat.Chat/Exact", "exact /chat.Chat/Exact"],
    ["/chat.Chat/Reverse", "~ \\.Chat/R"],
    ["/static/.Chat/R", "prefix /static/"],
    ["/case", "~ ^/CASE"],
    ["/outer/a", "prefix /outer/"],
    ["/outer/inner/a", "prefix /outer/inner/"],
    ["/outer/exact", "exact /outer/exact"],
    ["/outer/x", "~ x$"],
    ["/nest/a/c", "prefix /nest/a/"],
    ["/nest/a/.Chat/R", "~ \\.Chat/R"],
    ["/nest/b/.Chat/R", "~ \\.Chat/R"],
    ["/nest/.Chat/R", "exact /nest/.Chat/R"],
    ["/nest/a/.Chat/Ry", "~ y$"],
    ["/sealed/a/.Chat/R", "prefix /sealed/a/"],
    ["/%C3%A9/x", "prefix /é/"],
    ["/\xc3\xa9/x", "prefix /é/"],
    ["/%E9/x", "prefix /"],
    ["/%E8%81%8A%E5%A4%A9", "exact /聊天"],
    ["/%c3%bcy", "~ ^/ü(x|y)"],
    ["/chat.Chat/Exact?a=/b", "exact /chat.Chat/Exact"],
    ["/chat.Chat//Exact", "exact /chat.Chat/Exact"],
    ["/x/../chat.Chat/./Exact", "exact /chat.Chat/Exact"],
    ["/chat%2EChat/Exact", "exact /chat.Chat/Exact"],
  ])("%s: %s", (path, expected) => {
    expect(router.match("a", path)).toBe(expected)
    // Remembered, and still the same.
    expect(router.match("a", path)).toBe(expected)
  })

  const slashes = routerOf(
    server(
      ["a"],
      [
        prefix("/"),
        regex("^/"),
        passing({ kind: "prefix", path: "/p/", final: false }, [
          passing({ kind: "prefix", path: "/p/in/", final: false }),
        ]),
        passing({ kind: "exact", path: "/e/" }),
        passing({ kind: "prefix", path: "/f/", final: true }),
        passing({ kind: "prefix", path: "/é/", final: true }),
        passing({ kind: "prefix", path: "/both/", final: false }),
        final("/both"),
        passing({ kind: "prefix", path: "/also/", final: false }),
        exact("/also"),
        prefix("/none/"),
        passing({ kind: "prefix", path: "/bare", final: false }),
        passing({ kind: "exact", path: "/" }),
      ],
    ),
  )

  test.each([
    ["/p", "exact /p"],
    ["/p?x", "exact /p"],
    ["/p/in", "exact /p/in"],
    ["/e", "exact /e"],
    ["/f", "exact /f"],
    ["/%C3%A9", "exact /é"],
    ["/both", "prefix /both"],
    ["/also", "exact /also"],
    ["/none", "~ ^/"],
    ["/bare", "~ ^/"],
    ["/bar", "~ ^/"],
  ])("without the slash at its end, %s: %s", (path, expected) =>
    expect(slashes.match("a", path)).toBe(expected),
  )

  test("a path that climbs out of the root has no meaning", () => {
    expect(router.match("a", "/../etc")).toBeNull()
    expect(router.match("a", "/../etc")).toBeNull()
  })

  test("no location: the server's own settings", () => {
    expect(routerOf(server(["a"], [exact("/only")])).match("a", "/x")).toBe("a falls back")
  })

  test("thousands of paths do not pile up, nor change the answers", () => {
    for (let i = 0; i < 5000; i++) expect(router.match("a", `/chat.Chat/${i}`)).toBe("prefix /chat.Chat/")
  })
})

describe("what clients ask for is not kept by the megabyte", () => {
  setFlagsFromString("--expose-gc")
  const collectGarbage = runInNewContext("gc") as () => void
  const heapOctets = (): number => {
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const long = (i: number): string => Buffer.from(`${i}/${"x".repeat(60_000)}`).toString("latin1")

  test.each<[what: string, path: (i: number) => string]>([
    ["long paths", (i) => `/${long(i)}`],
    ["short paths that are slices of long strings", (i) => `${long(i)}/a/path/of/number/${i}`.slice(60_000)],
  ])("%s", (_what, path) => {
    const router = routerOf(server(["a"], [prefix("/")]))
    const before = heapOctets()
    for (let i = 0; i < 500; i++) router.match("a", path(i))
    expect(heapOctets() - before).toBeLessThan(4 * 1024 * 1024)
    expect(router.match("a", "/")).toBe("prefix /")
  })
})

describe("server names, in nginx's order", () => {
  const router = routerOf(
    server(["first.example"]),
    server(["www.example.com", "*.example.com"]),
    server(["*.api.example.com"]),
    server(["www.*"]),
    server([".dot.example"]),
    server(["~^ch(a|o)t\\d+\\."]),
    server(["bücher.example"]),
    server(["_"], [], ["l"]),
  )

  test.each([
    ["www.example.com", "www.example.com"],
    ["WWW.Example.COM:8080", "www.example.com"],
    ["www.example.com.", "www.example.com"],
    ["x.example.com", "www.example.com"],
    ["a.b.example.com", "www.example.com"],
    ["x.api.example.com", "*.api.example.com"],
    ["www.other.example", "www.*"],
    ["dot.example", ".dot.example"],
    ["x.dot.example", ".dot.example"],
    ["chat7.example.net", "~^ch(a|o)t\\d+\\."],
    ["b\xc3\xbccher.example:80", "bücher.example"],
    ["nobody.example.net", "_"],
    ["example.com", "_"],
    ["", "_"],
    ["[::1]:80", "_"],
  ])("%j: %s", (authority, expected) => {
    expect(router.match(authority, "/")).toBe(`${expected} falls back`)
  })

  test("nobody is the default: the first is", () => {
    expect(routerOf(server(["a"]), server(["b"])).match("c", "/")).toBe("a falls back")
  })
})

describe("a regex that runs out of steps", () => {
  const hard = "^/?(?=(a+)+$)(a+)+!"
  const started = (...servers: ServerConfig[]) => {
    const overruns: string[] = []
    const answer = (config: ServerConfig, one: RouteConfig | null): string =>
      one?.action.kind === "return" ? `${config.names[0]} ${one.action.status}` : "other"
    const options = {
      stepsMax: 5000,
      onOverrun: ({ what, octets }: Overrun) => void overruns.push(`${what} ${octets}`),
    }
    const router = atOnce(Router.make("l", servers, answer, options))
    return { router, overruns }
  }

  test.for<[what: string, routes: RouteConfig[]]>([
    ["a location", [regex(hard)]],
    ["one within a prefix", [prefix("/a", [regex(hard)])]],
    ["one within a regex", [route({ kind: "regex", pattern: "a", ignoreCase: false }, [regex(hard)])]],
    ["one before others that match", [regex(hard), regex("a"), prefix("/")]],
    ["one within a prefix, before others that match", [prefix("/a", [regex(hard)]), regex("a")]],
  ])("%s: the request is answered 500", ([, routes]) => {
    const { router, overruns } = started(server(["a"], routes))
    expect(router.match("a", `/${"a".repeat(40)}`)).toBe("a 500")
    expect(overruns).toEqual(["location 41"])
    expect(router.match("a", "/b")).toBe("other")
    expect(router.match("a", "/aaaa")).toBe("other")
  })

  test("the host of an authority", () => {
    const hosts = ["A.b:80", "a.b.", "a.b.:80", "[::]:80", "[::1]", "[::1]:1", ":80", ""].map(hostOf)
    expect(hosts).toEqual(["a.b", "a.b", "a.b", "[::]", "[::1]", "[::1]", "", ""])
  })

  test("a name: by the default server", () => {
    const { router, overruns } = started(server([`~${hard}`]), server(["b"], [], ["l"]))
    expect(router.match("a".repeat(40), "/")).toBe("b 500")
    expect(router.match("a", "/")).toBe("other")
    expect(overruns).toEqual(["server_name 40"])
  })

  test("a request of which no path can be read: the same", () => {
    const { router } = started(server([`~${hard}`]), server(["b"], [], ["l"]))
    expect(router.fallback("a".repeat(40))).toBe("b 500")
    expect(router.fallback("a")).toBe("other")
  })

  test("nobody is asked for the name where there is one server", () => {
    expect(started(server([`~${hard}`])).router.match("a".repeat(40), "/")).toBe("other")
  })

  test("a long path of slashes is no such thing", () => {
    const { router, overruns } = started(
      server(["a"], [regex("^/files/(.+/)*report\\.pdf$"), regex("^/(.*)/(.*)/(.*)\\.html$")]),
    )
    expect(router.match("a", `/files/${"a/".repeat(100)}`)).toBe("other")
    expect(router.match("a", `/${"a/".repeat(32_000)}`)).toBe("other")
    expect(overruns).toEqual([])
  })
})
