import { expect, test } from "vitest"
import { runProgram } from "../../examples/chat/testing/run-program.ts"
import { launchChromium, noChromium } from "../support/chromium.ts"
import { eventually } from "../support/eventually.ts"

if (noChromium) console.info(`skipped: the demo's kill button: ${noChromium}`)

test.skipIf(noChromium)(
  "the demo's page kills a server: chats go on, none is lost, and it can be started again",
  async (t) => {
    const demo = runProgram("start.ts", ["--balancer", "sluice", "--port", "18090"])
    t.onTestFinished(async () => {
      demo.child.kill("SIGINT")
      await demo.exit
    })
    await demo.log.line("Ctrl-C ends everything.")
    const url = /Open (\S+)/.exec(demo.log.lines.join("\n"))![1]!
    const browser = await launchChromium()
    t.onTestFinished(() => browser.close())
    const page = await browser.newPage({ locale: "en-US", viewport: { width: 1600, height: 900 } })
    page.setDefaultTimeout(20_000)
    const problems: string[] = []
    page.on("pageerror", (error) => problems.push(error.message))
    await page.goto(url)
    const panel = (number: number) => page.locator(`#panel-${number}`)
    const say = async (number: number, text: string) => {
      await panel(number).locator("textarea").fill(text)
      await panel(number).locator("textarea").press("Enter")
      await panel(number).locator(".heard .bubble", { hasText: text }).first().waitFor()
    }
    const names = () =>
      Promise.all([1, 2].map((number) => panel(number).locator(".server-name").textContent()))
    for (const number of [1, 2]) await panel(number).locator(".dot-open").waitFor()
    for (const number of [1, 2]) await say(number, `before ${number}`)
    expect(new Set(await names())).toEqual(new Set(["A", "B"]))
    const kill = page.locator(".switches .kill", { hasText: "A" })
    await kill.click()
    const start = page.locator(".switches button:not(.kill)")
    await start.waitFor()
    // Both chats go on, what was said before is there, and both are on the one that lives.
    for (const number of [1, 2]) {
      await say(number, `after ${number}`)
      expect(
        await panel(number)
          .locator(".heard .bubble", { hasText: `before ${number}` })
          .count(),
      ).toBe(1)
      expect(await panel(number).locator(".end-error").count()).toBe(0)
    }
    await eventually(
      async () => (await page.locator(".balancer").textContent())!.includes("0 lost"),
      () => "0 lost",
    )
    await start.click()
    await kill.waitFor()
    expect(problems).toEqual([])
  },
  90_000,
)
