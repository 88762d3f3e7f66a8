import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url))

// /proc says what a process was begun with.
test.skipIf(process.platform !== "linux").for([
  ["begins anew with a bound, under its pid", [], ["--max-semi-space-size=8"]],
  ["a size that was asked for stays", ["--max-semi-space-size=4"], ["--max-semi-space-size=4"]],
] as const)("%s", async ([, options, expected]) => {
  const args = [...options, MAIN, "run", "--json", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:1"]
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] })
  const [line] = await once(createInterface(child.stdout), "line")
  expect(JSON.parse(String(line))).toMatchObject({ event: "listening" })
  const words = readFileSync(`/proc/${child.pid}/cmdline`, "utf8").split("\0").slice(1)
  expect(words.slice(0, words.indexOf(MAIN))).toEqual(expected)
  child.kill()
  expect(await once(child, "exit")).toEqual([0, null])
})
