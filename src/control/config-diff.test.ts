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
