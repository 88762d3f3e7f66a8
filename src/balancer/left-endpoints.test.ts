import { expect, test } from "vitest"
import { parseAddress } from "../config/address.ts"
import { defaultCluster, defaultConfig, defaultEndpoint } from "../config/defaults.ts"
import type { Config } from "../config/model.ts"
import { endpointChanges } from "./left-endpoints.ts"

/** `a: 1 2!`: cluster a with the endpoints :1 and :2, of which the second is down. */
function config(text: string, drainGraceMs: number | null): Config {
  const clusters = text.split(";").map((part) => {
    const [name, endpoints] = part.split(":") as [string, string]
    return {
      ...defaultCluster(name.trim()),
      drainGraceMs,
      endpoints: endpoints
        .trim()
        .split(" ")
        .filter(Boolean)
        .map((port) => ({
          ...defaultEndpoint(parseAddress(`h:${port.replace("!", "")}`, null)!),
          down: port.endsWith("!"),
        })),
    }
  })
  return { ...defaultConfig(), clusters }
}

test.each<[before: string, after: string, graceMs: number | null, left: string[]]>([
  ["a: 1 2", "a: 1 2", 5, []],
  ["a: 1 2", "a: 1", 5, ["a h:2"]],
  ["a: 1 2", "a: 1 2!", 5, ["a h:2"]],
  ["a: 1 2!", "a: 1", 5, []],
  ["a: 1; b: 1", "a: 1", 5, ["b h:1"]],
  ["a: 1", "b: 1", 5, ["a h:1"]],
  ["a: 1", "a: 2", null, []],
])("from %s to %s, with a grace of %s ms: %j", (before, after, graceMs, left) => {
  const changes = endpointChanges(config(before, graceMs), config(after, null))
  expect(changes.left.map(({ cluster, address }) => `${cluster} ${address}`)).toEqual(left)
  for (const one of changes.left) expect(one.graceMs).toBe(graceMs)
})

test("all that take streams are told, whatever was before", () => {
  const { taking } = endpointChanges(config("a: 1", 5), config("a: 1 2!; b: 3", 5))
  expect(taking.map(({ cluster, address }) => `${cluster} ${address}`)).toEqual(["a h:1", "b h:3"])
})
