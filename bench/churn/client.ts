/** The clients of the churn suite: a process with an IPC channel that keeps one load up while things happen. */
import { Load } from "./load.ts"
import type { LoadCommand } from "./protocol.ts"

let load: Load | null = null

async function obey(command: LoadCommand): Promise<unknown> {
  if (command.do === "start") {
    load = new Load(command)
    await load.start()
    return {}
  }
  if (command.do === "finish") return load!.finish()
  load!.mark()
  return {}
}

process.on("disconnect", () => process.exit())
process.on("message", (command: LoadCommand) => {
  obey(command).then(
    (answer) => process.send!(answer as object),
    (error: Error) => process.send!({ error: error.message }),
  )
})
process.send!({ ready: true })
