import { processSignals } from "../control/signals.ts"

/** Does what the command line says, on a Node that can. */
export async function begin(): Promise<void> {
  if (process.argv[2] === "run" || process.argv[2] === "controller") {
    // What follows takes most of a second.
    processSignals.take()
    // Seen in ps, top and ss.
    process.title = "sluice"
  }
  const { main } = await import("./program.ts")
  await main()
}
