/** A program: `sluice run` as a child of the demo, whose end is its end. */
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"))
await import("../../../src/cli/main.ts")
