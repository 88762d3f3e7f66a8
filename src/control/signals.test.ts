import { EventEmitter } from "node:events"
import { readFileSync } from "node:fs"
import { constants } from "node:os"
import { describe, expect, test } from "vitest"
import { eventually } from "../../test/support/eventually.ts"
import { freePort } from "../../test/support/free-port.ts"
import { SluiceProcess } from "../../test/support/sluice-process.ts"
import { type Command, Signals } from "./signals.ts"

const soon = () => new Promise(setImmediate)

test("signals that come before anything listens wait for that", async () => {
  const source = new EventEmitter()
  const signals = new Signals(source)
  signals.take()
  const heard: [Command, string][] = []
  for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2"]) source.emit(signal)
  signals.onCommand((...command) => heard.push(command))
  expect(heard).toEqual([])
  await soon()
  source.emit("SIGTERM")
  expect(heard).toEqual([
    ["reload", "SIGHUP"],
    ["reopen", "SIGUSR1"],
    ["upgrade", "SIGUSR2"],
    ["stop", "SIGTERM"],
  ])
})

/** Whether a process has a handler of its own for a signal. */
function handles(pid: number, signal: number): boolean {
  const [, mask] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? []
  return ((BigInt(`0x${mask ?? "0"}`) >> BigInt(signal - 1)) & 1n) === 1n
}

// /proc says which signals a process handles.
describe.skipIf(process.platform !== "linux")("signals to a process that only begins", () => {
  test.for([1, 2])("%i workers", async (workers, t) => {
    const sluice = new SluiceProcess(t, {
      workers,
      listeners: [`127.0.0.1:${await freePort()}`],
      clusters: { test: ["127.0.0.1:9"] },
    })
    await eventually(
      () => handles(sluice.child.pid!, constants.signals.SIGUSR2),
      () => "signals are taken",
    )
    for (const signal of ["SIGUSR1", "SIGHUP"] as const) sluice.signal(signal)
    await sluice.says('"configuration reloaded"')
    sluice.signal("SIGTERM")
    expect(await sluice.ended).toBe(0)
    expect(sluice.said).not.toContain("Debugger")
  })

  test("told to stop, it does so as soon as it listens", async (t) => {
    const sluice = new SluiceProcess(t, { listeners: ["127.0.0.1:0"], clusters: { test: ["127.0.0.1:9"] } })
    await eventually(
      () => handles(sluice.child.pid!, constants.signals.SIGUSR2),
      () => "signals are taken",
    )
    sluice.signal("SIGTERM")
    expect(await sluice.ended).toBe(0)
    expect(sluice.times('"stopped"')).toBe(1)
  })
})
