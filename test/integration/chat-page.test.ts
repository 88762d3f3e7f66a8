import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Browser, Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { startPageBed } from "../../examples/chat/testing/page-bed.ts"
import { accessibilityFaults } from "../support/accessibility.ts"
import { launchChromium, noChromium } from "../support/chromium.ts"

if (noChromium) console.info(`skipped: the chat's page: ${noChromium}`)

describe.skipIf(noChromium)("the chat's page, through Sluice", () => {
  let folder: string
  let browser: Browser
  let bed: Awaited<ReturnType<typeof startPageBed>>
  let page: Page
  let errors: string[]

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "chat-page-"))
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser.close()
    rmSync(folder, { recursive: true, force: true })
  })
  beforeEach(async () => {
    bed = await startPageBed({ folder, log: () => {} })
    page = await openPage({ locale: "zh-CN" })
  })
  afterEach(async () => {
    await page.context().close()
    await bed.stop()
    expect(errors).toEqual([])
  })

  async function openPage(options: Parameters<Browser["newPage"]>[0]): Promise<Page> {
    const opened = await browser.newPage(options)
    errors = []
    opened.on("pageerror", (error) => errors.push(error.message))
    await opened.goto(bed.url)
    await opened.locator(".panel-active .dot-open").waitFor()
    return opened
  }

  const panel = (number: number) => page.locator(`#panel-${number}`)
  const heard = (number: number, text: string) => panel(number).locator(".heard .bubble", { hasText: text })
  const press = (number: number, command: "hello" | "stream" | "heartbeat" | "end") =>
    panel(number).locator(`.command-${command}`).click()
  const say = async (number: number, text: string) => {
    await panel(number).locator("textarea").fill(text)
    await panel(number).locator("textarea").press("Enter")
  }

  test("an echo, ten messages, a heartbeat nobody answers, and the end", async () => {
    await say(1, "今天天气不错")
    await heard(1, "服务端返回: 今天天气不错").waitFor()
    await press(1, "stream")
    await heard(1, "数据流 #9").waitFor()
    expect(await panel(1).locator(".heard").count()).toBe(11)
    await press(1, "heartbeat")
    await panel(1).locator(".note-heartbeat").waitFor()
    await press(1, "end")
    await panel(1).locator(".end-ok", { hasText: "OK (0)" }).waitFor()
    expect(await panel(1).locator(".heard").count()).toBe(12)
    await panel(1).getByText("重新开始").click()
    await panel(1).locator(".dot-open").waitFor()
    await say(1, "又来了")
    await heard(1, "服务端返回: 又来了").waitFor()
  })

  test("two conversations are on two servers, named, and do not mix", async () => {
    const names = await Promise.all(
      [1, 2].map((number) => panel(number).locator(".server-name").textContent()),
    )
    expect(new Set(names)).toEqual(new Set(["A", "B"]))
    await say(1, "一")
    await say(2, "二")
    await heard(1, "服务端返回: 一").waitFor()
    await heard(2, "服务端返回: 二").waitFor()
    expect(await panel(1).locator(".heard").count()).toBe(1)
  })

  test("half-close ends the conversation with OK", async () => {
    await panel(2).getByText("我说完了").click()
    await panel(2).locator(".end-ok").waitFor()
    expect(await panel(2).locator(".command-hello").isDisabled()).toBe(true)
  })

  test("a server goes and comes back: the conversation goes on by itself", async () => {
    await say(1, "之前")
    await heard(1, "服务端返回: 之前").waitFor()
    await bed.stopServer("A")
    await bed.stopServer("B")
    await panel(1).locator(".end-error", { hasText: "UNAVAILABLE (14)" }).waitFor()
    await bed.startServer("A")
    await panel(1).locator(".panel-head .dot-open").waitFor()
    await say(1, "之后")
    await heard(1, "服务端返回: 之后").waitFor()
    expect(await heard(1, "服务端返回: 之前").count()).toBe(1)
  })

  test("while no server is there the page never says it is connected, and keeps the first cause", async () => {
    await say(1, "之前")
    await heard(1, "服务端返回: 之前").waitFor()
    // Run in the page.
    await page.evaluate(`{
      const dot = document.querySelector("#panel-1 .panel-head .dot")
      window.dots = []
      new MutationObserver(() => window.dots.push(dot.className)).observe(dot, { attributes: true })
    }`)
    await bed.stopServer("A")
    await bed.stopServer("B")
    // The page tries by itself meanwhile, too.
    const retried = panel(1).locator(".note-failedAttempts", { hasText: /又重试 ([2-9]|\d\d) 次/ })
    await panel(1).getByText("立即重连").click()
    await panel(1).locator(".note-failedAttempts").waitFor()
    await panel(1).getByText("立即重连").click()
    await retried.waitFor()
    expect(await page.evaluate("window.dots.filter((name) => name.includes('open'))")).toEqual([])
    expect(await panel(1).locator(".end-error").count()).toBe(1)
    expect(await panel(1).locator(".end-error").textContent()).toContain("no backend took the stream over")
    // Each attempt may wait for as long as a conversation may be without a server.
  }, 90_000)

  test("after the end Enter begins anew, and the keyboard stays where it was", async () => {
    await press(1, "end")
    await panel(1).locator(".end-ok").waitFor()
    await say(1, "还在吗")
    await heard(1, "服务端返回: 还在吗").waitFor()
    await press(1, "end")
    await panel(1).getByText("重新开始").click()
    await panel(1).locator(".dot-open").waitFor()
    await page.keyboard.type("键盘")
    expect(await panel(1).locator("textarea").inputValue()).toBe("键盘")
  })

  test("who scrolled up and says something sees the answer", async () => {
    for (let count = 0; count < 4; count++) await press(1, "stream")
    await expect.poll(() => panel(1).locator(".heard").count()).toBe(40)
    const list = panel(1).locator(".entries")
    await list.evaluate((element) => element.scrollTo({ top: 0 }))
    await panel(1).locator(".to-end").waitFor()
    await say(1, "最新")
    await heard(1, "服务端返回: 最新").waitFor()
    await expect
      .poll(() => list.evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight))
      .toBeLessThan(2)
  })

  test("the first key moves nothing", async () => {
    const area = panel(1).locator("textarea")
    const before = await area.boundingBox()
    await area.fill("a")
    expect(await area.boundingBox()).toEqual(before)
  })

  test.for([
    { name: "a desktop", viewport: { width: 1280, height: 800 } },
    { name: "a tablet", viewport: { width: 800, height: 1100 } },
    { name: "a phone", viewport: { width: 360, height: 640 } },
  ])("on $name each new chat, its tab too, is in view", async ({ viewport }) => {
    await page.context().close()
    page = await openPage({ locale: "en-GB", viewport })
    const inView = (selector: string) =>
      page.locator(selector).evaluate((element) => {
        const { left, right } = element.getBoundingClientRect()
        return left >= 0 && right <= element.ownerDocument.documentElement.clientWidth
      })
    for (let number = 3; number <= 6; number++) {
      await page.getByRole("button", { name: "New chat" }).click()
      await panel(number).locator(".panel-head .dot-open").waitFor()
      expect(await inView(`#panel-${number}`)).toBe(true)
      if (viewport.width < 720) expect(await inView(`[aria-controls=panel-${number}]`)).toBe(true)
    }
  })

  test("closing a conversation cancels its stream", async () => {
    expect(bed.conversationsOpen()).toBe(2)
    await panel(2).getByLabel("关闭这个对话").click()
    await expect.poll(bed.conversationsOpen).toBe(1)
    expect(await page.locator(".panel").count()).toBe(1)
  })

  test("by keyboard alone: a third chat, a command, the neighbour, the last input", async () => {
    await page.keyboard.press("Alt+n")
    await panel(3).locator(".dot-open").waitFor()
    await page.keyboard.press("Alt+2")
    await heard(3, "数据流 #9").waitFor()
    await page.keyboard.press("Alt+BracketLeft")
    await page.keyboard.type("键盘")
    await page.keyboard.press("Enter")
    await heard(2, "服务端返回: 键盘").waitFor()
    await page.keyboard.press("ArrowUp")
    expect(await panel(2).locator("textarea").inputValue()).toBe("键盘")
  })

  test("what was said cannot inject markup", async () => {
    await say(1, "<img src=x onerror=alert(1)><b>粗</b>")
    await heard(1, "服务端返回: <img").waitFor()
    expect(await panel(1).locator(".entries img, .entries b").count()).toBe(0)
  })

  test("language and theme are switched, and remembered", async () => {
    await page.getByLabel("Switch to English").click()
    await page.getByRole("button", { name: "New chat" }).waitFor()
    const theme = page.getByLabel(/^Appearance/)
    await theme.click()
    await theme.click()
    await page.reload()
    await page.getByRole("button", { name: "New chat" }).waitFor()
    expect(await page.locator("html").getAttribute("data-theme")).toBe("dark")
    expect(await page.locator("html").getAttribute("lang")).toBe("en")
  })

  test("axe finds nothing wrong with it: light and dark, after an end, on a phone", async () => {
    await say(1, "你好")
    await heard(1, "服务端返回: 你好").waitFor()
    await press(2, "end")
    await panel(2).locator(".end-ok").waitFor()
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme })
      expect(await accessibilityFaults(page)).toEqual([])
    }
    await page.context().close()
    page = await openPage({ locale: "en-GB", viewport: { width: 360, height: 640 }, hasTouch: true })
    expect(await accessibilityFaults(page)).toEqual([])
  })

  test("the narrowest phone shows every command whole, and one head", async () => {
    await page.context().close()
    page = await openPage({
      locale: "en-GB",
      viewport: { width: 320, height: 568 },
      hasTouch: true,
      isMobile: true,
    })
    const whole = [...(await panel(1).locator(".command").all()), page.locator(".bar .primary")]
    for (const command of whole) {
      const { x, width } = (await command.boundingBox())!
      expect(x).toBeGreaterThanOrEqual(0)
      expect(x + width).toBeLessThanOrEqual(320)
    }
    const heading = (await panel(1).locator("h2").boundingBox())!
    expect(heading.width * heading.height).toBeLessThanOrEqual(1)
    expect(await page.locator(".keys").isVisible()).toBe(false)
  })

  test("lines keep a measure on a wide screen", async () => {
    await page.context().close()
    page = await openPage({ locale: "zh-CN", viewport: { width: 1920, height: 1000 } })
    await say(1, "长".repeat(400))
    const bubble = (await panel(1).locator(".said .bubble").boundingBox())!
    expect(bubble.width).toBeLessThan(700)
  })

  test("on a phone one conversation fills the page, and tabs choose it", async () => {
    await page.context().close()
    page = await openPage({ locale: "en-GB", viewport: { width: 360, height: 640 } })
    expect(await panel(2).isVisible()).toBe(false)
    await page.getByRole("tab", { name: "Chat 2" }).click()
    expect(await panel(1).isVisible()).toBe(false)
    await say(2, "from a phone")
    await heard(2, "服务端返回: from a phone").waitFor()
    const overflow = await page.evaluate(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    )
    expect(overflow).toBe(0)
  })
})
