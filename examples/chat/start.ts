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

const starting = runDemo({ ...command.opts<Pick<DemoOptions, "balancer" | "port">>(), log: console.log })
stopOnSignals(async (urgent) => {
  console.log(urgent ? "at once" : "\nending ... (Ctrl-C again: at once)")
  const demo = await starting
  await (urgent ? demo.kill() : demo.stop())
})
try {
  const demo = await starting
  console.error(`the balancer has ended: ${await demo.broken}`)
  await demo.stop()
} catch (error) {
  console.error((error as Error).message)
}
// Reached when something went wrong only: otherwise a signal ends the demo.
process.exit(1)
