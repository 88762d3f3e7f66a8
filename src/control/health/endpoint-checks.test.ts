import { expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { defaultEndpoint, defaultHealthCheck } from "../../config/defaults.ts"
import { checkTests } from "./check.ts"
import type { CheckConnection, HealthCall } from "./check-connection.ts"
import { EndpointChecks } from "./endpoint-checks.ts"
import { ServingStatus } from "./health-message.ts"
import type { HealthSockets } from "./sockets.ts"

/** Checks of an endpoint that is asked by hand: what it is asked waits in `asked`. */
function bed() {
  const clock = new ManualClock()
  const asked: { method: "Check" | "Watch"; call: HealthCall }[] = []
  const sockets: Pick<HealthSockets, "http2"> = {
    http2(_, { onReady }) {
      const connection: Pick<CheckConnection, "ask" | "close"> = {
        ask: (method, _service, _timeoutMs, call) => void asked.push({ method, call }),
        close() {},
      }
      queueMicrotask(() => onReady(connection as CheckConnection))
      return connection as CheckConnection
    },
  }
  const said: string[] = []
  const endpoint = defaultEndpoint({ text: "127.0.0.1:1", host: "127.0.0.1", port: 1, unixPath: null })
  const config = { ...defaultHealthCheck(), watch: true, intervalMs: 1000, timeoutMs: 500 }
  const checks = new EndpointChecks({
    config,
    tests: checkTests(config),
    checked: { endpoint, tls: null, host: "test" },
    sockets: sockets as HealthSockets,
    clock,
    random: () => 0.5,
    turn: () => Promise.resolve(() => {}),
    onHealth: (isHealthy, reason) => said.push(isHealthy ? "healthy" : reason),
  })
  const settled = () => new Promise(setImmediate)
  const takeChecks = () => {
    const taken = asked.filter(({ method }) => method === "Check")
    asked.splice(0, asked.length, ...asked.filter(({ method }) => method === "Watch"))
    return taken.map(({ call }) => call)
  }
  const answer = (call: HealthCall, status: number) => {
    call.onStatus(status)
    call.onEnd(0, "")
  }
  const watched = (status: number) => asked.find(({ method }) => method === "Watch")!.call.onStatus(status)
  return { clock, checks, said, settled, takeChecks, answer, watched }
}

test("what it says while it is checked begins no second row of checks", async () => {
  const { clock, checks, said, settled, takeChecks, answer, watched } = bed()
  await settled()
  answer(takeChecks()[0]!, ServingStatus.NOT_SERVING)
  await settled()
  expect(said).toEqual(["NOT_SERVING"])
  clock.advance(1000)
  await settled()
  const [running] = takeChecks()
  // Its timer has fired, and the check is not over.
  watched(ServingStatus.SERVING)
  await settled()
  expect(takeChecks()).toHaveLength(0)
  answer(running!, ServingStatus.NOT_SERVING)
  await settled()
  const each: number[] = []
  for (let round = 0; round < 3; round++) {
    clock.advance(1000)
    await settled()
    const calls = takeChecks()
    each.push(calls.length)
    for (const call of calls) answer(call, ServingStatus.NOT_SERVING)
    await settled()
  }
  expect(each).toEqual([1, 1, 1])
  checks.close()
  expect(clock.timersOpen).toBe(0)
})

test("what it says between two checks is checked at once, in place of the next", async () => {
  const { clock, said, settled, takeChecks, answer, watched } = bed()
  await settled()
  answer(takeChecks()[0]!, ServingStatus.NOT_SERVING)
  await settled()
  clock.advance(100)
  watched(ServingStatus.SERVING)
  await settled()
  const calls = takeChecks()
  expect(calls).toHaveLength(1)
  answer(calls[0]!, ServingStatus.SERVING)
  await settled()
  clock.advance(950)
  await settled()
  expect(takeChecks()).toHaveLength(0)
  clock.advance(50)
  await settled()
  expect(takeChecks()).toHaveLength(1)
  expect(said[0]).toBe("NOT_SERVING")
})
