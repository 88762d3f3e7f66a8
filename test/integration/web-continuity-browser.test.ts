/** `sluice/web` in a browser: a page's stream goes on with another Sluice when its own is killed. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { expect, type TestContext, test } from "vitest"
import { startChatServer } from "../../examples/chat/start-chat-server.ts"
import { launchChromium, noChromium } from "../support/chromium.ts"
import { eventually } from "../support/eventually.ts"
import { freePort } from "../support/free-port.ts"
import { SluiceProcess } from "../support/sluice-process.ts"
import type { PageTalk } from "../support/talking-page.ts"

if (noChromium) console.info(`skipped: sluice/web in a browser: ${noChromium}`)

const MANY = 400

/** The page's program, as one would build it. */
async function program(): Promise<string> {
  const { build } = await import("vite")
  const entry = join(import.meta.dirname, "../support/talking-page.ts")
  const options = { write: false, lib: { entry, formats: ["es" as const] } }
  const built = await build({ configFile: false, logLevel: "warn", build: options })
  const [{ output }] = built as unknown as [{ output: { code: string }[] }]
  return output[0]!.code
}

/** Where the page is: none of the Sluices, so it stays when they go. */
async function servePage(t: TestContext): Promise<string> {
  const code = await program()
  const server = createServer((request, response) => {
    const isProgram = request.url === "/page.js"
    response.setHeader("content-type", isProgram ? "text/javascript" : "text/html")
    response.end(
      isProgram ? code : `<!doctype html><title>-</title><script type=module src=/page.js></script>`,
    )
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.onTestFinished(() => server.closeAllConnections())
  t.onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test.skipIf(noChromium)(
  "a page's stream goes on with another Sluice after kill -9 of its own: nothing lost, nothing twice",
  async (t) => {
    const origin = await servePage(t)
    const servers = await Promise.all(
      ["A", "B"].map((name) => startChatServer({ host: "127.0.0.1", port: 0, name, log: () => {} })),
    )
    t.onTestFinished(() => void Promise.all(servers.map((server) => server.shutdown(0))))
    const sluices: { readonly process: SluiceProcess; readonly url: string }[] = []
    for (let at = 0; at < 3; at++) {
      const port = await freePort()
      const process = new SluiceProcess(t, {
        ...{ workers: 1, listeners: `127.0.0.1:${port}`, admin: "off" },
        bridge: { webSocket: true, origins: [origin] },
        continuity: { mode: ["handoff", "resume"], clients: "trusted" },
        clusters: { chat: servers.map((server) => `127.0.0.1:${server.port}`) },
      })
      await process.says('"message":"listening"')
      sluices.push({ process, url: `http://127.0.0.1:${port}` })
    }
    const browser = await launchChromium()
    t.onTestFinished(() => browser.close())
    const page = await browser.newPage()
    const problems: string[] = []
    page.on("pageerror", (error) => problems.push(error.message))
    await page.goto(origin)
    await page.waitForFunction("globalThis.talk !== undefined")
    const addresses = JSON.stringify(sluices.map(({ url }) => url))
    await page.evaluate(`void (globalThis.state = talk(${addresses}, ${MANY}))`)
    const state = () => page.evaluate<PageTalk>("globalThis.state")
    let seen = ""
    const has = async (answers: number): Promise<boolean> => {
      const now = await state()
      seen = JSON.stringify(now)
      return now.heard.length >= answers || now.end !== ""
    }
    for (const [at, { process }] of sluices.slice(0, 2).entries()) {
      const before = (at + 1) * 100
      await eventually(
        () => has(before),
        () => `${before} answers: ${seen}`,
      )
      // It is in mid-stream: messages are said all the time.
      process.signal("SIGKILL")
      await process.ended
    }
    await eventually(
      () => has(Number.POSITIVE_INFINITY),
      () => `the conversation ends: ${seen}`,
    )
    const { end, heard } = await state()
    expect(end).toBe("OK")
    expect(heard).toEqual(Array.from({ length: MANY }, (_, at) => `服务端返回: ${at + 1}`))
    expect(problems).toEqual([])
  },
  90_000,
)
