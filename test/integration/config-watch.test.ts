import { spawn } from "node:child_process"
import { expect, test } from "vitest"
import { freePort } from "../support/free-port.ts"
import { SluiceProcess } from "../support/sluice-process.ts"

// Files are looked at every five seconds.
test("with --watch a changed file is reloaded, a broken one is not", async (t) => {
  const port = await freePort()
  const configOf = (...backends: number[]): object => ({
    listeners: `127.0.0.1:${port}`,
    clusters: { test: backends.map((backend) => `127.0.0.1:${backend}`) },
  })
  const sluice = new SluiceProcess(t, configOf(1), {}, ([program, ...args], env) =>
    spawn(program!, [...args, "--watch"], { env }),
  )
  await sluice.says("listening")
  sluice.configure({ listeners: "nowhere" })
  await sluice.says("the old one stays")
  sluice.configure(configOf(1, 2))
  await sluice.says("configuration reloaded")
  expect(sluice.said).toContain("+ endpoint 127.0.0.1:2 of test")
  expect(sluice.times("configuration reloaded")).toBe(1)
})
