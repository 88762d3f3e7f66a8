/**
 * What the dashboard does with a Sluice that is full of streams: `node bench/micro/dashboard.ts [STREAMS [MESSAGES]]`,
 * 10,000 streams that carry 5,000 messages a second, both ways counted, unless said otherwise. In chromium: the time from
 * asking for the page to its first picture and to its first rows, and what became of each frame while the table of
 * streams is scrolled for ten seconds, by the trace of the browser's compositor.
 */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { Browser, Page } from "playwright-core"
import { launchChromium } from "../../test/support/chromium.ts"
import { freePort } from "../../test/support/sluice-process.ts"
import { chooseCores } from "../measure/child.ts"
import { LoadProcesses } from "../measure/load-processes.ts"
import { runSluice } from "../measure/sluice-process.ts"

const ROOT = join(import.meta.dirname, "../..")
const BACKENDS = 4
const CONNECTIONS = 100
const OPENINGS = 5
const SCROLL_MS = 10_000
/** Of a display. */
const FRAME_MS = 1000 / 60

const streams = Number(process.argv[2] ?? 10_000)
const messages = Number(process.argv[3] ?? 5_000)

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly ts: number
  readonly dur?: number
  readonly args?: { readonly frame_reporter?: { readonly state: string } }
}

/** Time to the first picture, and to the first rows of the table. */
async function opening(browser: Browser, url: string): Promise<{ pictureMs: number; rowsMs: number }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  await page.goto(url)
  await page.locator(".rows .row[data-id]").first().waitFor()
  const rowsMs = await page.evaluate<number>("performance.now()")
  const pictureMs = await page.evaluate<number>(
    `performance.getEntriesByName("first-contentful-paint")[0].startTime`,
  )
  await page.close()
  return { pictureMs, rowsMs }
}

/** What the compositor says of its frames while the table is scrolled as by a finger. */
async function scrolling(browser: Browser, page: Page): Promise<TraceEvent[]> {
  await page.locator(".rows .row[data-id]").first().waitFor()
  await page.locator(".rows").hover()
  await pause(3_000)
  await browser.startTracing(page, {
    categories: ["cc", "benchmark", "disabled-by-default-devtools.timeline", "toplevel"],
  })
  await page.evaluate(`new Promise((resolve) => {
    const rows = document.querySelector(".rows")
    const begun = performance.now()
    const step = (now) => {
      const ms = now - begun
      if (ms > ${SCROLL_MS}) return resolve(null)
      // Down and up again, some 1,500 px a second.
      rows.scrollTo(0, 5000 + 4000 * Math.sin(ms / 1700))
      requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
  })`)
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: TraceEvent[]
  }
  return traceEvents
}

function tellFrames(events: readonly TraceEvent[]): void {
  const states = new Map<string, number>()
  for (const { name, ph, args } of events) {
    const state = args?.frame_reporter?.state
    if (name === "PipelineReporter" && ph === "b" && state !== undefined)
      states.set(state, (states.get(state) ?? 0) + 1)
  }
  const shown = states.get("STATE_PRESENTED_ALL") ?? 0
  const whole = Math.round(SCROLL_MS / FRAME_MS)
  console.log(
    `frames while scrolling: ${shown} of ${whole} shown whole, ${((1000 * shown) / SCROLL_MS).toFixed(1)} a second`,
  )
  for (const [state, many] of states) console.log(`  ${state.replace("STATE_", "").toLowerCase()}: ${many}`)
  const tasks = events.filter(
    ({ name, dur }) => name === "ThreadControllerImpl::RunTask" && dur !== undefined,
  )
  const longest = tasks.map(({ dur }) => dur! / 1000).sort((one, other) => other - one)
  console.log(
    `  longest tasks: ${longest
      .slice(0, 5)
      .map((ms) => ms.toFixed(1))
      .join(" ")} ms`,
  )
}

execFileSync(join(ROOT, "node_modules/.bin/vite"), ["build", "dashboard", "--logLevel", "warn"], {
  cwd: ROOT,
  stdio: "inherit",
})
const load = await LoadProcesses.start(BACKENDS, 0, chooseCores())
const [port, admin] = [await freePort(), await freePort()]
const stop = await runSluice({
  listeners: `127.0.0.1:${port}`,
  admin,
  clusters: { chat: { endpoints: load.backends.map((backend) => `127.0.0.1:${backend}`) } },
  limits: { streamsMax: Math.max(1000, streams / CONNECTIONS + 100) },
})
// An echo is two messages to Sluice.
const spec = {
  kind: "bidi",
  connections: CONNECTIONS,
  streams: streams / CONNECTIONS,
  octets: 100,
  pace: messages / 2,
} as const
const measured = load.measure({ port, spec, warmMs: 5_000, windowMs: 600_000, proxy: [] })
const total = async () =>
  ((await (await fetch(`http://127.0.0.1:${admin}/streams?limit=0`)).json()) as { total: number }).total
while ((await total()) < streams) await pause(200)
console.log(`${streams} streams, ${messages} messages a second`)

const url = `http://127.0.0.1:${admin}/`
const browser = await launchChromium()
const openings: Awaited<ReturnType<typeof opening>>[] = []
for (let count = 0; count < OPENINGS; count++) openings.push(await opening(browser, url))
const inMs = (key: "pictureMs" | "rowsMs") => openings.map((each) => each[key].toFixed(0)).join(" ")
console.log(`first picture after ${inMs("pictureMs")} ms, first rows after ${inMs("rowsMs")} ms`)
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
await page.goto(url)
tellFrames(await scrolling(browser, page))
await browser.close()
void measured
stop()
await load.stop()
process.exit()
