import { once } from "node:events"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, type TestContext, test } from "vitest"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { freePort } from "../support/free-port.ts"
import { RawClient } from "../support/raw-client.ts"
import { RawServer } from "../support/raw-server.ts"
import { SluiceProcess, testDirectory } from "../support/sluice-process.ts"

const CALLS = 400
const lines = Array.from({ length: CALLS }, (_, i) => `/call/${i}`)
const get = (path: string): dsl.Field[] =>
  dsl.withFields(dsl.request, {
    ":method": "GET",
    ":path": path,
    te: undefined,
    "content-type": undefined,
  })

describe("the last lines of an access log reach it", () => {
  /** A process that has answered many calls, and has one under way. */
  async function start(t: TestContext, workers: number, accessLog: object) {
    const backend = await RawServer.start()
    t.onTestFinished(() => backend.close())
    const port = await freePort()
    const sluice = new SluiceProcess(t, {
      workers,
      listeners: [`127.0.0.1:${port}`],
      clusters: { test: [`127.0.0.1:${backend.port}`] },
      routes: [{ exact: "/held", cluster: "test" }, { return: { text: "ok" } }],
      accessLog,
    })
    await sluice.says('"message":"listening"')
    const client = await RawClient.connect(port)
    t.onTestFinished(() => client.destroy())
    for (const path of lines) await client.end(client.open(get(path), { endStream: true }))
    client.open(get("/held"))
    await backend.stream()
    return { sluice, client }
  }

  test.skipIf(process.platform !== "linux").for([1, 2])(
    "told to stop at once, %i workers",
    async (workers, t) => {
      const path = join(testDirectory(t), "access.log")
      const { sluice } = await start(t, workers, { path, template: "$uri", buffer: "64k", flush: "1m" })
      sluice.signal("SIGTERM")
      await sluice.says('"draining"')
      sluice.signal("SIGTERM")
      expect(await sluice.ended).toBe(0)
      expect(readFileSync(path, "latin1").split("\n").slice(0, -1)).toEqual(lines)
    },
  )

  test("a reader of standard output that pauses", async (t) => {
    const padding = "x".repeat(5_000)
    const { sluice, client } = await start(t, 1, { path: "/dev/stdout", template: `$uri ${padding}` })
    let isEnded = false
    void sluice.ended.then(() => (isEnded = true))
    sluice.signal("SIGTERM")
    client.destroy()
    // Every socket is closed by now, and what is left is the log.
    await eventually(
      () => isEnded || sluice.times('"draining"') === 1,
      () => sluice.said,
    )
    let text = ""
    sluice.child.stdout!.on("data", (octets: Buffer) => (text += octets.toString()))
    if (!sluice.child.stdout!.readableEnded) await once(sluice.child.stdout!, "end")
    expect(await sluice.ended).toBe(0)
    const expected = [...lines, "/held"]
    expect(text.split("\n").slice(0, -1)).toEqual(expected.map((path) => `${path} ${padding}`))
  })

  test("a reader of standard output that never comes again is given up", async (t) => {
    const padding = "x".repeat(5_000)
    const { sluice, client } = await start(t, 1, { path: "/dev/stdout", template: `$uri ${padding}` })
    sluice.signal("SIGTERM")
    client.destroy()
    expect(await sluice.ended).toBe(0)
    expect(sluice.times("lines are being dropped")).toBe(1)
    expect(sluice.times('"stopped"')).toBe(1)
  })
})
