/**
 * Takes the pictures of the READMEs, recordings of the running demo: two chats and sixty more streams, of which those of a server
 * that is killed go on with the other. `node scripts/write-pictures.ts`; needs chromium, and a font with Chinese.
 */
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import type { Page } from "playwright-core"
import { runProgram } from "../examples/chat/testing/run-program.ts"
import { launchChromium } from "../test/support/chromium.ts"
import { animatedPng } from "./animated-png.ts"

const MORE_STREAMS = 60
/** Of the recording: while streams of the server that was killed find another. */
const BENDING_FRAMES = 2

const folder = fileURLToPath(new URL("../docs/pictures/", import.meta.url))
mkdirSync(folder, { recursive: true })

/** Run in the page: streams besides its own, some of which talk. Chinese lines are the chat's commands. */
const OPEN_MORE = (port: string) => `
for (let index = 0; index < ${MORE_STREAMS}; index++) {
  const socket = new WebSocket("ws://127.0.0.1:${port}/ws/more" + index)
  socket.onopen = () => index % 3 === 0 && setInterval(() => socket.send('{"input":"你好"}'), 300 + 40 * index)
}`

async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `${folder}${name}.png` })
  console.log(`docs/pictures/${name}.png`)
}

const demo = runProgram("start.ts", ["--port", "18480"])
await demo.log.line("Ctrl-C ends everything.")
const said = demo.log.lines.join("\n")
const pageUrl = /Open (\S+)/.exec(said)![1]!
const dashboardUrl = /dashboard +(\S+)/.exec(said)![1]!
const port = /chat:client -- --server \S+:(\d+)/.exec(said)![1]!
const browser = await launchChromium()
try {
  for (const [locale, suffix] of [
    ["en-US", ""],
    ["zh-CN", ".zh-CN"],
  ] as const) {
    const viewport = { width: 1280, height: 760 }
    const page = await browser.newPage({ viewport, locale, colorScheme: "light" })
    await page.goto(pageUrl)
    await page.locator("#panel-2 .panel-head .dot-open").waitFor()
    await page.evaluate(OPEN_MORE(port))
    for (const number of [1, 2]) await page.locator(`#panel-${number} .command-hello`).click()
    const dashboard = await browser.newPage({ viewport: { width: 1280, height: 860 }, locale })
    await dashboard.goto(dashboardUrl)
    // Plots want a history, and bars their way.
    await pause(15_000)
    const before = await page.screenshot()
    await page.locator(".switches .kill").first().click()
    const bending: Buffer[] = []
    while (bending.length < BENDING_FRAMES) bending.push(await page.screenshot())
    await page.locator(".balancer .state-ejected").waitFor()
    await page.locator(".note-moved").first().waitFor()
    await pause(1500)
    const after = await page.screenshot()
    // docs/dashboard.md is in English alone.
    if (suffix === "") await shoot(dashboard, "dashboard")
    await page.locator(".switches button:not(.kill)").click()
    await page.locator(".balancer .state-ejected").waitFor({ state: "detached" })
    const frames = [
      { png: after, ms: 3_500 },
      { png: await page.screenshot(), ms: 2_000 },
      { png: before, ms: 2_000 },
      ...bending.map((png) => ({ png, ms: 400 })),
    ]
    writeFileSync(`${folder}demo${suffix}.png`, animatedPng(frames))
    console.log(`docs/pictures/demo${suffix}.png`)
    await Promise.all([page.close(), dashboard.close()])
  }
} finally {
  await browser.close()
  demo.child.kill("SIGINT")
  await once(demo.child, "exit")
}
