import { Command, Option } from "commander"
import { parsePort, stopOnSignals, usageErrorsExitWith2 } from "./command-line.ts"
import { type DemoOptions, runDemo } from "./demo/run-demo.ts"

const command = usageErrorsExitWith2(new Command("npm start --"))
  .description("Two chat servers, and a balancer before them on the article's nginx.conf.")
  .addOption(
    new Option("--balancer <which>", "what stands before the chat servers")
      .choices(["sluice", "nginx"])
      .default("sluice"),
  )
  .option("--port <port>", "the balancer's port; the next free one if it is taken", parsePort, 8080)
  .parse()

try {
  const demo = await runDemo({ ...command.opts<Pick<DemoOptions, "balancer" | "port">>(), log: console.log })
  stopOnSignals(async (urgent) => {
    console.log(urgent ? "at once" : "\nending ... (Ctrl-C again: at once)")
    await (urgent ? demo.kill() : demo.stop())
  })
  void demo.broken.then(async (why) => {
    console.error(`the balancer has ended: ${why}`)
    await demo.stop()
    process.exit(1)
  })
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
