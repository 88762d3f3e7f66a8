import { type Command, InvalidArgumentError } from "commander"

/** Exit codes as of `sluice`: 0 done, 1 failed while running, 2 called wrongly. */
export function usageErrorsExitWith2(command: Command): Command {
  return command.showHelpAfterError("(--help lists the options)").exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2)
  })
}

export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65535)
    throw new InvalidArgumentError("A port is a number from 0 to 65535.")
  return port
}

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `40s`, `500ms`, `2m`, `1h`: as milliseconds. */
export function parseDurationMs(text: string): number {
  const [, amount, unit] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? []
  const durationMs = Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]
  if (!(durationMs > 0 && durationMs < 2 ** 31)) {
    throw new InvalidArgumentError(
      "A duration is a whole number and a unit: 500ms, 40s, 2m or 1h; at most 24 days.",
    )
  }
  return durationMs
}

/**
 * Calls `stop(false)` on SIGINT, on SIGTERM and when the parent that holds our IPC channel is gone, and `stop(true)`,
 * for a quicker end, on a second signal. Exits 0 once either has settled.
 */
export function stopOnSignals(stop: (urgent: boolean) => Promise<void>): void {
  let stopping = false
  const begin = () => {
    if (!stopping) void stop(false).finally(() => process.exit(0))
    stopping = true
  }
  const onSignal = () => {
    if (stopping) void stop(true).finally(() => process.exit(0))
    else begin()
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  process.on("disconnect", begin)
}
