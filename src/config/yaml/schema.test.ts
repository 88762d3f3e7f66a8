import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { loadYaml } from "./load.ts"
import { fromInput } from "./normalize.ts"
import { durationMs, durationText, sizeInput, sizeOctets } from "./scalars.ts"
import { jsonSchema } from "./schema.ts"

type JsonSchema = { [key: string]: unknown; properties?: Record<string, JsonSchema> }

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8")

/** Every key that may be written, but for the limits, which docs/limits.md explains. */
function keysOf(schema: unknown, keys = new Set<string>()): Set<string> {
  if (typeof schema !== "object" || schema === null) return keys
  for (const [name, property] of Object.entries((schema as JsonSchema).properties ?? {})) {
    keys.add(name)
    if (name !== "limits") keysOf(property, keys)
  }
  for (const [name, value] of Object.entries(schema)) if (name !== "properties") keysOf(value, keys)
  return keys
}

describe("docs/configuration.md", () => {
  const page = read("docs/configuration.md")

  test.each([...keysOf(jsonSchema())])("explains %s", (key) => {
    expect(page).toMatch(new RegExp(`\`${key.replace("$", "\\$")}\``))
  })

  test("has examples that load", () => {
    const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!)
    expect(examples.length).toBeGreaterThan(1)
    for (const text of examples) expect(loadYaml(text, "example").problems, text).toEqual([])
  })
})

test("the JSON Schema is of the draft that editors read, closed, and names what must be there", () => {
  expect(jsonSchema()).toMatchObject({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    additionalProperties: false,
    required: ["listeners"],
    $defs: { Route: { additionalProperties: false }, Cluster: {}, Listener: { required: ["address"] } },
  })
})

test.each([
  [0, "0s"],
  [1, "1ms"],
  [1_500, "1500ms"],
  [90_000, "90s"],
  [300_000, "5m"],
  [86_400_000, "1d"],
  [999_999_999_999_999, "999999999999999ms"],
  [1_855_425_830_400_008, "21474836d8ms"],
  [Number(2n ** 63n - 1n), "106751991167d25975808ms"],
  [Number(2n ** 63n - 1n) * 1000, "106751991167300d55808000ms"],
])("%d ms are written %s", (ms, text) => {
  expect(durationText(ms)).toBe(text)
  expect(durationMs(text)).toBe(ms)
})

test.each([
  [0, 0],
  [1000, 1000],
  [65_536, "64k"],
  [3 * 2 ** 20, "3m"],
])("%d octets are written %s", (octets, input) => {
  expect(sizeInput(octets)).toBe(input)
  expect(sizeOctets(input)).toBe(octets)
})

describe("fromInput", () => {
  test("takes what a program writes, typed", () => {
    const { config, problems } = fromInput({
      listeners: { address: "127.0.0.1:0", name: "test" },
      clusters: { chat: { policy: "least_streams", endpoints: ["127.0.0.1:3000"], idleTimeout: undefined } },
      routes: [{ prefix: "/", cluster: "chat", readTimeout: "5m" }],
    })
    expect(problems).toEqual([])
    expect(config!.listeners[0]).toMatchObject({ name: "test", host: "127.0.0.1", port: 0 })
    expect(config!.servers[0]!.routes[0]!.settings.readTimeoutMs).toBe(300_000)
  })

  test("names the path of each problem", () => {
    const { config, problems } = fromInput({
      listeners: [80],
      routes: [{ cluster: "caht" }],
      clusters: { chat: ["a:b"] },
    })
    expect(config).toBeNull()
    expect(problems.map(({ message, hint, line }) => [message, hint, line])).toEqual([
      ["clusters.chat[0] must be an address: host:port, [v6]:port or unix:/path", null, 0],
      ['routes[0].cluster: there is no cluster "caht"', 'did you mean "chat"?', 0],
    ])
  })
})
