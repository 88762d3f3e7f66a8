import { describe, expect, test } from "vitest"
import { keptHeapOctets, slicedPath } from "../../../test/support/kept-heap.ts"
import { RouteBed } from "../../../test/support/route-bed.ts"
import { atOnce } from "../../base/steps.ts"
import { defaultRoute, defaultRouteSettings } from "../../config/defaults.ts"
import type { RewriteTest, RouteConfig, RouteMatch } from "../../config/model.ts"
import { regexesOf } from "./regexes.ts"
import { WrittenOrder } from "./written-order.ts"

const settings = defaultRouteSettings()
const HELD: RewriteTest[] = [{ operator: "set", value: "$http_x" }]

const route = (match: RouteMatch, when: RewriteTest[] = [], text = ""): RouteConfig => ({
  ...defaultRoute(),
  match,
  when,
  action: {
    kind: "return",
    status: 200,
    template: text,
    contentType: "",
    grpcStatus: null,
    grpcMessage: null,
  },
  settings,
})
const exact = (path: string, when?: RewriteTest[], text?: string) =>
  route({ kind: "exact", path }, when, text)
const prefix = (path: string, when?: RewriteTest[], text?: string) =>
  route({ kind: "prefix", path, final: false }, when, text)
const regex = (pattern: string, when?: RewriteTest[], text?: string) =>
  route({ kind: "regex", pattern, ignoreCase: false }, when, text)

describe("the routes of a path, in the order in which they stand", () => {
  const routes = [
    prefix("/a", HELD),
    regex("z$", HELD),
    exact("/a/b"),
    prefix("/a/"),
    regex("^/a/.*y$"),
    prefix("/", HELD),
    regex("^/q"),
    prefix("/q/never"),
  ]
  const order = new WrittenOrder<number>()
  let at = 0
  atOnce(order.add(routes, () => at++, regexesOf(10_000)))
  const all = (path: string): number[] => {
    const found: number[] = []
    const first = order.find(path)
    for (let next = first === "limit" ? undefined : first?.route; next !== undefined; ) {
      found.push(next)
      const after = order.after(next, path)
      next = after === "limit" ? undefined : after
    }
    return found
  }

  test.each<[path: string, places: number[]]>([
    ["/a/b", [0, 2]],
    ["/a/c", [0, 3]],
    ["/a/z", [0, 1, 3]],
    ["/a", [0, 5]],
    ["/a/xy", [0, 3]],
    ["/zz", [1, 5]],
    ["/other", [5]],
    ["/q/never", [5, 6]],
    ["other", []],
  ])("%s: %j", (path, places) => {
    expect(all(path)).toEqual(places)
    // What is remembered is the same.
    expect(all(path)).toEqual(places)
  })

  test("of thousands of prefixes the one is found by its path", () => {
    const many = new WrittenOrder<RouteConfig>()
    const configs = Array.from({ length: 5000 }, (_, index) => prefix(`/svc${index}/`))
    atOnce(many.add(configs, (config) => config, regexesOf(1)))
    expect(many.find("/svc4999/M")).toMatchObject({ route: configs[4999] })
    expect(many.find("/svc5000/M")).toBeUndefined()
  })
})

test("of a path that is remembered, what it was cut from is not kept", async () => {
  const order = new WrittenOrder<RouteConfig>()
  atOnce(order.add([prefix("/a", HELD), prefix("/")], (config) => config, regexesOf(1)))
  const kept = await keptHeapOctets(() => {
    for (let i = 0; i < 500; i++) order.find(slicedPath(i, 50_000))
  })
  expect(order.find("/a")).toBeDefined()
  expect(kept).toBeLessThan(5_000_000)
})

describe("conditions", () => {
  const text = (value: string, operator: "=" | "!=", other: string): RewriteTest => ({
    operator,
    value,
    text: other,
  })
  const matching: RewriteTest = { operator: "~", value: "$http_y", pattern: "^b+$" }
  const bed = new RouteBed("server { listen 80; }", {}, ({ servers: [server] }) => {
    server!.order = "written"
    server!.routes = [
      prefix("/", [text("$http_x", "=", "a")], "x is a"),
      prefix("/", [matching, text("$arg_q", "!=", "no")], "y is b"),
      exact("/only", [text("$request_method", "=", "POST")], "posted"),
      prefix("/p", [], "all of /p"),
    ]
  })

  test.each<[path: string, fields: string[], method: string, said: string]>([
    ["/", ["x", "a"], "GET", "200 x is a"],
    ["/p", ["x", "a"], "GET", "200 x is a"],
    ["/p", ["x", "b"], "GET", "200 all of /p"],
    ["/p", ["y", "bb"], "GET", "200 y is b"],
    ["/p?q=no", ["y", "bb"], "GET", "200 all of /p"],
    ["/p", ["y", "abb"], "GET", "200 all of /p"],
    ["/only", [], "POST", "200 posted"],
    ["/only", [], "GET", "404 no_route: no route for /only"],
    ["/", [], "GET", "404 no_route: no route for /"],
  ])("%s with %j by %s: %s", (path, fields, method, said) => {
    expect(bed.ask({ path, fields, method })).toBe(said)
  })
})
