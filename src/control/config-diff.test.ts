import { expect, test } from "vitest"
import { fromInput } from "../config/yaml/normalize.ts"
import type { SluiceYaml } from "../config/yaml/schema.ts"
import { configDiff, shortDiff } from "./config-diff.ts"

const configOf = (input: Partial<SluiceYaml> = {}) =>
  fromInput({ listeners: { address: 8080, name: "web" }, clusters: { chat: ["a:1", "b:1"] }, ...input })
    .config!

const cases: readonly (readonly [what: string, after: Partial<SluiceYaml>, lines: string[]])[] = [
  ["nothing", {}, []],
  [
    "an endpoint came, one left",
    { clusters: { chat: ["a:1", "c:1"] } },
    ["- endpoint b:1 of chat", "+ endpoint c:1 of chat"],
  ],
  [
    "an endpoint's weight",
    { clusters: { chat: ["a:1", { address: "b:1", weight: 2 }] } },
    ["~ endpoint b:1 of chat"],
  ],
  [
    "a policy",
    { clusters: { chat: { policy: "least_streams", endpoints: ["a:1", "b:1"] } } },
    ["~ cluster chat"],
  ],
  [
    "another cluster",
    { clusters: { chat: ["a:1", "b:1"], more: ["d:1"] }, routes: [{ cluster: "chat" }] },
    ["+ cluster more"],
  ],
  [
    "another listener",
    { listeners: { address: 8081, name: "other" } },
    ["- listener web", "+ listener other", "- server (any name) on web", "+ server (any name) on other"],
  ],
  ["a route", { routes: [{ cluster: "chat", prefix: "/x" }] }, ["~ server (any name) on web"]],
  ["the process's own", { workers: 2, shutdown: { grace: "1s" } }, ["~ workers", "~ shutdown"]],
]

test.each(cases)("%s", (_, after, lines) => {
  expect(configDiff(configOf(), configOf(after))).toEqual(lines)
})

test("a long one is cut", () => {
  expect(shortDiff(Array.from({ length: 25 }, (_, at) => `+ cluster ${at}`)).at(-1)).toBe("and 5 more")
})

test("what goes says how many live streams stay on it", () => {
  const streamsAt = (cluster: string, address: string | null): number =>
    cluster === "gone" ? 3 : address === "h:1" ? 1 : 0
  const of = (clusters: object) =>
    fromInput({ listeners: 1, clusters, routes: [{ cluster: "a" }] } as never).config!
  const before = of({ a: ["h:1", "h:2", "h:3"], gone: ["h:9"] })
  expect(configDiff(before, of({ a: ["h:3"] }), streamsAt)).toEqual([
    "- cluster gone; 3 live streams stay",
    "- endpoint h:1 of a; 1 live stream stays",
    "- endpoint h:2 of a",
  ])
})
