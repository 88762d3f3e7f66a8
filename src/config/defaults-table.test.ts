import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { withDefaults } from "../../scripts/write-defaults.ts"
import { defaultCluster, defaultConfig, defaultListener, defaultRouteSettings } from "./defaults.ts"
import { type Default, defaults, markdownDefault, says } from "./defaults-table.ts"
import { jsonSchema } from "./yaml/schema.ts"

test("docs/configuration.md shows the defaults of the table (node scripts/write-defaults.ts)", () => {
  const text = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8")
  expect(withDefaults(text)).toBe(text)
  const changed = withDefaults(text.replace("| `75s` |", "| `76s` |"))
  expect(changed).toBe(text)
})

test("the model takes its values from the table", () => {
  const address = { text: "a:1", host: "a", port: 1, unixPath: null }
  expect(defaultListener(address).idleConnectionTimeoutMs).toBe(defaults.listener.idleTimeout.value)
  expect(defaultCluster("c").keepalive.intervalMs).toBe(defaults.cluster.keepaliveInterval.value)
  expect(defaultRouteSettings().connectTimeoutMs).toBe(defaults.settings.connectTimeout.value)
  expect(defaultConfig().shutdown.graceMs).toBe(defaults.file.shutdownGrace.value)
})

test("the schema says no default but those of the table", () => {
  const rows = Object.values(defaults).flatMap((section) => Object.values<Default<unknown>>(section))
  const known = new Set(rows.map((row) => says("", row)))
  const said = JSON.stringify(jsonSchema()).match(/Default: [^"]*?\.(?=")/g)!
  expect(said.length).toBeGreaterThan(60)
  expect(said.filter((text) => !known.has(text))).toEqual([])
})

describe("a default in words", () => {
  test.for([
    [defaults.listener.idleTimeout, "Default: 75s.", "`75s`"],
    [
      defaults.listener.backlog,
      "Default: none, as many as the system lets wait.",
      "`none`, as many as the system lets wait",
    ],
    [defaults.listener.name, "Default: the address.", "the address"],
    [defaults.settings.retryOn, "Default: [error, timeout].", "`[error, timeout]`"],
  ] as const)("%o", ([row, sentence, cell]) => {
    expect(says("", row)).toBe(sentence)
    expect(says("What it is.", row)).toBe(`What it is. ${sentence}`)
    expect(markdownDefault(row)).toBe(cell)
  })
})
