/** The dashboard in chromium, before a Sluice with a thousand live streams. */
import { execFileSync } from "node:child_process"
import { setTimeout as pause } from "node:timers/promises"
import type { Browser, Locator, Page } from "playwright-core"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { accessibilityFaults } from "../support/accessibility.ts"
import { askAdmin } from "../support/admin-client.ts"
import { launchChromium, noChromium } from "../support/chromium.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { freePort } from "../support/free-port.ts"
import { pathInRepo } from "../support/markdown.ts"
import { RawClient } from "../support/raw-client.ts"
import { RawServer } from "../support/raw-server.ts"
import { SluiceProcess } from "../support/sluice-process.ts"

if (noChromium) console.info(`skipped: the dashboard: ${noChromium}`)

const CLIENTS = 10
const STREAMS = 1000

describe.skipIf(noChromium)("the dashboard, with a thousand streams", () => {
  let servers: RawServer[]
  let clients: RawClient[]
  let sluice: SluiceProcess
  let admin: number
  let browser: Browser
  let page: Page
  let errors: string[]
  const asked = new Set<string>()
  const ending: (() => unknown)[] = []

  beforeAll(async () => {
    execFileSync("vite", ["build", "dashboard", "--logLevel", "warn"], { cwd: pathInRepo("") })
    servers = [await RawServer.start(), await RawServer.start()]
    for (const server of servers)
      server.onStream = ({ connection, id }) => connection.send(dsl.headers(id, dsl.response))
    const [port, adminPort] = [await freePort(), await freePort()]
    admin = adminPort
    const context = { onTestFinished: (call: () => unknown) => void ending.push(call) }
    sluice = new SluiceProcess(context as never, {
      workers: 2,
      listeners: [`127.0.0.1:${port}`],
      admin,
      clusters: { chat: servers.map(addressOf) },
    })
    await sluice.says('"message":"listening"')
    clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect(port)))
    for (const client of clients) for (let many = 0; many < STREAMS / CLIENTS; many++) client.open()
    while ((await streams()) !== STREAMS) await pause(50)
    browser = await launchChromium()
    page = await open({})
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    for (const call of ending) call()
    for (const client of clients ?? []) client.destroy()
    for (const server of servers ?? []) await server.close()
  })

  beforeEach(() => {
    errors = []
  })

  /** Live streams, by the API's own account. */
  async function streams(): Promise<number> {
    const { json } = await askAdmin(admin, "/streams?limit=0")
    return (json as { total: number }).total
  }

  async function open(options: Parameters<Browser["newPage"]>[0], path = "/"): Promise<Page> {
    const opened = await browser.newPage({
      viewport: { width: 1280, height: 900 },
      locale: "en-US",
      ...options,
    })
    opened.setDefaultTimeout(20_000)
    opened.on("pageerror", (error) => errors.push(error.message))
    opened.on("console", (message) => message.type() === "error" && errors.push(message.text()))
    opened.on("request", (request) => asked.add(new URL(request.url()).host))
    await opened.goto(`http://127.0.0.1:${admin}${path}`)
    return opened
  }

  const scrollTo = (px: number) => page.evaluate(`document.querySelector(".rows").scrollTo(0, ${px})`)
  const rows = (): Locator => page.locator(".rows .row[data-id]")
  const shows = (text: string): Promise<void> => page.locator(".numbers", { hasText: text }).first().waitFor()
  const endpoint = (index: number): Locator => page.locator(".endpoint").nth(index)

  test("every stream is counted, and both endpoints have their fair share", async () => {
    await shows("1,000")
    await page.locator(".totals dd", { hasText: "1,000" }).waitFor()
    for (const index of [0, 1]) {
      await endpoint(index).locator(".count", { hasText: "500" }).waitFor()
      expect(await endpoint(index).locator(".track").getAttribute("aria-label")).toBe("500, fair share 500.0")
    }
    expect(await page.locator("[role=table]").getAttribute("aria-rowcount")).toBe("1001")
    // Also out of view: drawn before it is scrolled to.
    await page.locator(".plots .plot canvas").nth(2).waitFor()
    // No more than what is seen, and a little around it.
    expect(await rows().count()).toBeLessThan(60)
    expect(errors).toEqual([])
  })

  test("scrolled to the end, the last streams are there", async () => {
    await scrollTo(1e9)
    await page.locator(".row[aria-rowindex='1001'][data-id]").waitFor()
    await scrollTo(0)
    await page.locator(".row[aria-rowindex='2'][data-id]").waitFor()
  })

  test("the filter is the API's, and stands in the address", async () => {
    const address = addressOf(servers[0]!)
    await page.locator("#filter").fill(`endpoint:${address}`)
    await shows("500 of 1,000")
    expect(new URL(page.url()).searchParams.get("filter")).toBe(`endpoint:${address}`)
    await page.reload()
    await shows("500 of 1,000")
    expect(await page.locator("#filter").inputValue()).toBe(`endpoint:${address}`)
    await page.locator("#filter").fill("idle:>x")
    await page.locator(".streams .problem", { hasText: "write for instance idle:>5m" }).waitFor()
    await page.locator(".filter button").click()
    await shows("1,000")
    expect(new URL(page.url()).search).toBe("")
    errors = []
  })

  test("an endpoint's name lists its streams", async () => {
    await endpoint(1).locator("button.address").click()
    await shows("500 of 1,000")
    await endpoint(1).locator("button.address").click()
    await shows("1,000")
  })

  test("a row opens, and its stream is ended with a status once that is confirmed", async () => {
    // Which row is the first may change until it is opened.
    await rows().first().focus()
    await page.keyboard.press("Enter")
    const detail = page.locator(".detail")
    const id = (await detail.getAttribute("aria-label"))!
    await detail.locator(".headers dd", { hasText: "application/grpc" }).first().waitFor()
    await detail.getByText("End…").click()
    await detail.locator("select").selectOption("7")
    expect(await streams()).toBe(STREAMS)
    await detail.getByText("End the stream").click()
    await detail.getByText("This stream has ended").waitFor()
    await shows("999")
    const told = () =>
      clients.flatMap((client) => client.said()).filter((line) => line.includes("grpc-status=7"))
    await eventually(
      () => told().length === 1,
      () => `one stream that ended with 7, not ${told().length}`,
    )
    expect((await askAdmin(admin, `/streams/${id}`)).status).toBe(404)
    await page.keyboard.press("Escape")
    await detail.waitFor({ state: "detached" })
    // The browser itself tells of the 404 by which the page learns that the stream is gone.
    errors = errors.filter((error) => !error.includes("404"))
    expect(errors).toEqual([])
  })

  test.for([
    ["in the middle", 34 * 400, 402, "899"],
    ["at the end", 1e9, 900, "799"],
  ] as const)(
    "rows above come and go: the one that is read stays where it is, %s",
    async ([, px, at, left]) => {
      await scrollTo(px)
      await page.locator(`.row[aria-rowindex='${at}'][data-id]`).waitFor()
      const id = await page.locator(`.row[aria-rowindex='${at}']`).getAttribute("data-id")
      const top = () =>
        page.evaluate(`document.querySelector(".row[data-id='${id}']").getBoundingClientRect().top`)
      const before = await top()
      const { json } = await askAdmin(admin, "/streams?limit=100")
      const first = (json as { streams: { id: string }[] }).streams.map((row) => row.id)
      await Promise.all(
        first.map((each) => askAdmin(admin, `/streams/${each}/end`, { method: "POST", body: {} })),
      )
      await shows(left)
      await page.locator(`.row[aria-rowindex='${at - 100}'][data-id='${id}']`).waitFor()
      expect(await top()).toBe(before)
      await scrollTo(0)
    },
  )

  test("an endpoint drains, is hatched, and resumes", async () => {
    await endpoint(0).hover()
    await endpoint(0).locator(".order", { hasText: "Drain" }).click()
    await page.locator(".endpoint.state-draining .words", { hasText: "draining" }).waitFor()
    await page.locator(".lane-list .kind", { hasText: "order" }).first().waitFor()
    await endpoint(0).locator(".order", { hasText: "Resume" }).click()
    await page.locator(".endpoint.state-draining").waitFor({ state: "detached" })
    expect(errors).toEqual([])
  })

  test("contact is lost: it greys out, says how old it is, and comes back by itself", async () => {
    sluice.signal("SIGSTOP")
    await page.locator("main.stale").waitFor()
    await page.locator(".contact-lost", { hasText: "no contact:" }).waitFor()
    sluice.signal("SIGCONT")
    await page.locator("main:not(.stale)").waitFor()
    await page.locator(".contact", { hasText: "in touch" }).waitFor()
  })

  test("both languages, both themes", async () => {
    await page.locator(".bar-actions button").first().click()
    await page.getByText("活跃的流").first().waitFor()
    await page.locator("html[lang=zh-CN]").waitFor({ state: "attached" })
    const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor")
    const light = await ground()
    await page.emulateMedia({ colorScheme: "dark" })
    expect(await ground()).not.toBe(light)
    await page.emulateMedia({ colorScheme: "light" })
    expect(await ground()).toBe(light)
  })

  test.each(["light", "dark"] as const)("axe finds nothing wrong with it: %s", async (colorScheme) => {
    await page.emulateMedia({ colorScheme })
    expect(await accessibilityFaults(page)).toEqual([])
    await endpoint(0).hover()
    await rows().first().click()
    await page.locator(".detail .facts").waitFor()
    expect(await accessibilityFaults(page)).toEqual([])
    await page.keyboard.press("Escape")
    await page.emulateMedia({ colorScheme: "light" })
  })

  test("in forced colours what tells endpoints apart stands out from its ground", async () => {
    await page.emulateMedia({ forcedColors: "active" })
    const colors = await page.evaluate<[ground: string, seen: string[]]>(`(() => {
      const of = (selector, name) => getComputedStyle(document.querySelector(selector))[name]
      return [of("body", "backgroundColor"), [
        of(".endpoint .state", "fill"),
        of(".endpoint .bar", "backgroundColor"),
        of(".endpoint .tick", "backgroundColor"),
        of(".contact .dot", "backgroundColor"),
      ]]
    })()`)
    expect(colors[1]).not.toContain(colors[0])
    await page.emulateMedia({ forcedColors: "none" })
  })

  test("a phone: nothing is wider than the screen, and a row still opens", async () => {
    const phone = await open({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true })
    await phone.locator(".rows .row[data-id]").first().waitFor()
    expect(await phone.evaluate("document.scrollingElement.scrollWidth")).toBe(360)
    await phone.locator(".rows .row[data-id]").first().tap()
    await phone.locator(".detail .facts").waitFor()
    expect(await accessibilityFaults(phone)).toEqual([])
    await phone.close()
  })

  test("all of it is less than 60 kB compressed", async () => {
    const sizeOf = async (path: string) => {
      const reply = await askAdmin(admin, path, { headers: { "accept-encoding": "gzip" } })
      return Number(reply.headers["content-length"])
    }
    const { text: html } = await askAdmin(admin, "/")
    const files = new Set(["/"])
    const add = (text: string, link: RegExp) => {
      for (const [, path] of text.matchAll(link)) files.add(path!)
    }
    add(html, /(?:src|href)="\.(\/[^"]+)"/g)
    const { text: code } = await askAdmin(admin, [...files].find((path) => path.endsWith(".js"))!)
    add(
      code.replaceAll(/[`"'](?:\.\/|assets\/)?([\w-]+\.js)[`"']/g, "`/assets/$1`"),
      /`(\/assets\/[\w-]+\.js)`/g,
    )
    const sizes = await Promise.all([...files].map(sizeOf))
    // The page and its icon, its code, that of the plots, and the worker's.
    expect([...files].map((path) => path.replace(/-[\w-]{8}\.js$/, ".js"))).toEqual([
      "/",
      "/icon.svg",
      "/assets/index.js",
      "/assets/plots.js",
      "/assets/stream-worker.js",
    ])
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(60_000)
  })

  test("no request left the host", () => {
    expect([...asked]).toEqual([`127.0.0.1:${admin}`])
  })
})

function addressOf({ port }: RawServer): string {
  return `127.0.0.1:${port}`
}
