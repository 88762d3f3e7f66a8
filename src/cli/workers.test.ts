import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { eventually } from "../../test/support/eventually.ts"

const program = fileURLToPath(new URL("main.ts", import.meta.url))

/** A port that nobody has: workers share theirs, so none may be 0. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

test("a listener that a reload brings is shared by all workers, as those of the start are", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-workers-"))
  const config = join(directory, "sluice.yaml")
  const listenOn = (...ports: number[]): void => {
    const listeners = ports.map((port) => `127.0.0.1:${port}`)
    writeFileSync(config, JSON.stringify({ workers: 2, listeners, clusters: { test: ["127.0.0.1:9"] } }))
  }
  const [first, second] = [await freePort(), await freePort()]
  listenOn(first)
  const sluice = spawn(process.execPath, [program, "run", config])
  t.onTestFinished(() => {
    sluice.kill("SIGKILL")
    rmSync(directory, { recursive: true })
  })
  let said = ""
  sluice.stderr.on("data", (octets: Buffer) => (said += octets.toString()))
  const times = (what: string): number => said.split(what).length - 1

  await eventually(
    () => times('"message":"listening"') === 1,
    () => `listening: ${said}`,
  )
  listenOn(first, second)
  sluice.kill("SIGHUP")
  await eventually(
    () => times('"configuration reloaded"') + times("cannot reload") === 2,
    () => `both workers reloaded: ${said}`,
  )
  expect(said).not.toContain("cannot reload")

  sluice.kill("SIGTERM")
  const [code] = await once(sluice, "exit")
  expect(code).toBe(0)
})
