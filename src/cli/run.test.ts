import { expect, test } from "vitest"
import type { Balancer } from "../balancer/balancer.ts"
import { defaultConfig } from "../config/defaults.ts"
import type { ProcessLog } from "../log/logger.ts"
import { untilStopped } from "./run.ts"
import { Teller } from "./teller.ts"

test.for([
  ["stopped", () => Promise.resolve(), 0, "stopped"],
  [
    "what fails while it closes is said",
    () => Promise.reject(new Error("disk full")),
    1,
    "could not stop cleanly",
  ],
] as const)("told to stop, it ends: %s", async ([, close, code, message], t) => {
  const before = process.listeners("uncaughtException")
  t.onTestFinished(() => {
    for (const listener of process.listeners("uncaughtException"))
      if (!before.includes(listener)) process.removeListener("uncaughtException", listener)
  })
  const said: string[] = []
  const say = (line: string): void => void said.push(line)
  const log = { info: say, warn: say, error: say } as unknown as ProcessLog
  const balancer = { snapshot: () => ({ streams: [] }), close } as unknown as Balancer
  const options = { config: null, listen: [], to: [], json: false, strict: false }
  const teller = new Teller(false)
  const control = {
    onCommand: (handler: (command: "stop", why: string) => void) => handler("stop", "SIGTERM"),
  }
  expect(await untilStopped(balancer, { config: defaultConfig(), log, teller, options }, control)).toBe(code)
  expect(said).toEqual(["draining", message])
})
