/**
 * What the dashboard does with a Sluice that is full of streams: `node bench/micro/dashboard.ts [STREAMS [MESSAGES]]`,
 * 10,000 streams that carry 5,000 messages a second, both ways counted, unless said otherwise. In chromium: the time from
 * asking for the page to its first picture and to its first rows; what became of each frame while the table of streams is
 * scrolled for ten seconds, by a wheel and by a script of the page, by the trace of the browser's compositor; and what
 * the page's own thread did meanwhile.
 */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { Browser, Page } from "playwright-core"
import { launchChromium } from "../../test/support/chromium.ts"
import { freePort } from "../../test/support/free-port.ts"
import { chooseCores } from "../measure/child.ts"
import { LoadProcesses } from "../measure/load-processes.ts"
import { runSluice } from "../measure/sluice-process.ts"

const ROOT = join(import.meta.dirname, "../..")
const BACKENDS = 4
const CONNECTIONS = 100
const OPENINGS = 5
const SCROLL_MS = 10_000
const DISPLAY_HZ = 60

const streams = Number(process.argv[2] ?? 10_000)
const messages = Number(process.argv[3] ?? 5_000)

/** What is told of the page's thread, and the names that a trace has for it. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  scripts: [
    "FunctionCall",
    "EvaluateScript",
    "FireAnimationFrame",
    "TimerFire",
    "EventDispatch",
    "RunMicrotasks",
  ],
  "garbage collection": ["MinorGC", "MajorGC"],
  style: ["UpdateLayoutTree"],
  layout: ["Layout"],
  "paint and layers": ["PrePaint", "Paint", "Layerize"],
  commit: ["Commit"],
}

interface FrameReport {
  readonly state: string
  readonly frame_source: number
  readonly frame_sequence: number
}

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  readonly ts: number
  readonly dur?: number
  /** Of `dur`, what the thread had a processor for. */
  readonly tdur?: number
  readonly args?: { readonly frame_reporter?: FrameReport; readonly name?: string }
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

type Scroll = (page: Page) => Promise<unknown>

/** Down and up, 1,500 px a second, by the browser's own imitation of a wheel. */
const byWheel: Scroll = async (page) => {
  const session = await page.context().newCDPSession(page)
  const box = (await page.locator(".rows").boundingBox())!
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
  const untilMs = performance.now() + SCROLL_MS
  for (let down = true; performance.now() < untilMs; down = !down)
    await session.send("Input.synthesizeScrollGesture", {
      x,
      y,
      yDistance: (down ? -1 : 1) * 3_700,
      speed: 1_500,
      gestureSourceType: "mouse",
      preventFling: true,
    })
}

/** As fast, each step by the page's own thread: the harder way. */
const byScript: Scroll = (page) =>
  page.evaluate(`new Promise((resolve) => {
    const rows = document.querySelector(".rows")
    const begun = performance.now()
    const step = (now) => {
      const ms = now - begun
      if (ms > ${SCROLL_MS}) return resolve(null)
      rows.scrollTo(0, 5000 + 4000 * Math.sin(ms / 1700))
      requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
  })`)

/** What the browser says of its frames, and its page's thread of its tasks, while the table is scrolled. */
async function scrolling(browser: Browser, page: Page, scroll: Scroll): Promise<TraceEvent[]> {
  await page.locator(".rows .row[data-id]").first().waitFor()
  await page.locator(".rows").hover()
  await pause(2_000)
  await browser.startTracing(page, {
    categories: ["cc", "benchmark", "devtools.timeline", "toplevel"],
  })
  await scroll(page)
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: TraceEvent[]
  }
  return traceEvents
}

function tellFrames(how: string, events: readonly TraceEvent[]): void {
  const reported = events.filter(
    ({ name, ph, args }) => name === "PipelineReporter" && ph === "b" && args?.frame_reporter !== undefined,
  )
  const times = reported.map(({ ts }) => ts)
  const seconds = (Math.max(...times) - Math.min(...times)) / 1e6
  // Of one frame there may be two accounts: without the page's part, and with it.
  const frames = new Map<string, Set<string>>()
  for (const { args } of reported) {
    const { state, frame_source: source, frame_sequence: sequence } = args!.frame_reporter!
    const key = `${source} ${sequence}`
    const states = frames.get(key) ?? new Set()
    frames.set(key, states.add(state))
  }
  const count = (...states: string[]) =>
    [...frames.values()].filter((seen) => states.some((state) => seen.has(`STATE_${state}`))).length
  const shown = count("PRESENTED_ALL", "PRESENTED_PARTIAL")
  const still = count("NO_UPDATE_DESIRED")
  // Between two turns of a wheel nothing moves, and no frame is asked for.
  const asked = frames.size - still
  console.log(
    `scrolled by ${how} for ${seconds.toFixed(1)} s: ${shown} of ${asked} frames shown, ` +
      `as ${((DISPLAY_HZ * shown) / asked).toFixed(1)} of ${DISPLAY_HZ} a second`,
  )
  tellPage(events, seconds)
}

/**
 * What the page's own thread did: by kind, without what is within, and its longest tasks. In time of a processor: what a
 * thread waits for, on a machine that has few of them, is no work of the page.
 */
function tellPage(events: readonly TraceEvent[], seconds: number): void {
  const isPage = ({ name, args }: TraceEvent) => name === "thread_name" && args?.name === "CrRendererMain"
  const pages = new Set(events.filter(isPage).map(({ pid, tid }) => `${pid} ${tid}`))
  const own = events
    .filter(({ ph, dur, pid, tid }) => ph === "X" && dur !== undefined && pages.has(`${pid} ${tid}`))
    .toSorted((one, other) => one.ts - other.ts || other.dur! - one.dur!)
  const kindOf = new Map(Object.entries(KINDS).flatMap(([kind, names]) => names.map((name) => [name, kind])))
  const spentMs = new Map<string, number>()
  const open: { kind: string; until: number }[] = []
  for (const { name, ts, dur, tdur = 0 } of own) {
    const kind = kindOf.get(name)
    if (kind === undefined) continue
    while (open.length > 0 && open.at(-1)!.until <= ts) open.pop()
    const around = open.at(-1)?.kind
    if (around !== undefined) spentMs.set(around, spentMs.get(around)! - tdur / 1000)
    spentMs.set(kind, (spentMs.get(kind) ?? 0) + tdur / 1000)
    open.push({ kind, until: ts + dur! })
  }
  const tasks = own.filter(({ name }) => name === "ThreadControllerImpl::RunTask")
  const all = tasks.reduce((sum, { tdur = 0 }) => sum + tdur / 1000, 0)
  const told = [["all", all] as const, ...spentMs].map(([kind, ms]) => `${kind} ${(ms / seconds).toFixed(0)}`)
  console.log(`  the page's thread, ms a second: ${told.join(", ")}`)
  const longest = tasks.map(({ tdur = 0 }) => tdur / 1000).toSorted((one, other) => other - one)
  console.log(
    `  its longest tasks: ${longest
      .slice(0, 5)
      .map((ms) => ms.toFixed(0))
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
tellFrames("a wheel", await scrolling(browser, page, byWheel))
tellFrames("a script", await scrolling(browser, page, byScript))
await browser.close()
void measured
stop()
await load.stop()
process.exit()
