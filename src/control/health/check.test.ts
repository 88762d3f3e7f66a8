import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { defaultEndpoint, defaultHealthCheck } from "../../config/defaults.ts"
import type { HealthCheckConfig } from "../../config/model.ts"
import { checkOnce, checkTests, judge } from "./check.ts"
import { HealthResponses, healthRequest } from "./health-message.ts"
import type { Connecting, HealthSockets } from "./sockets.ts"

test.each<
  [what: string, grpcStatus: number, serving: number | null, expected: number | null, verdict: string]
>([
  ["serving", 0, 1, null, "good"],
  ["not serving", 0, 2, null, "chat.Chat: NOT_SERVING"],
  ["unknown", 0, 0, null, "chat.Chat: UNKNOWN"],
  ["service unknown", 0, 3, null, "chat.Chat: SERVICE_UNKNOWN"],
  ["a status of another version", 0, 9, null, "chat.Chat: serving status 9"],
  ["OK and nothing else", 0, null, null, "OK without an answer"],
  ["no such protocol: that it answers will do", 12, null, null, "good"],
  ["no such service", 5, null, null, "grpc-status 5 (why)"],
  ["a status that counts as healthy", 5, null, 5, "good"],
  ["another one", 14, null, 5, "grpc-status 14 (why)"],
  ["no grpc-status", -1, null, null, "why"],
  ["serving, and then no grpc-status", -1, 1, null, "why"],
])("%s", (_, grpcStatus, serving, expected, verdict) => {
  const judged = judge({ service: "chat.Chat", grpcStatus: expected }, grpcStatus, serving, "why")!
  expect(judged.isGood ? "good" : judged.reason).toBe(verdict)
})

describe("messages of grpc.health.v1", () => {
  test.each([
    ["", "0000000000"],
    ["chat.Chat", "000000000b0a09636861742e43686174"],
  ])("the request for %j", (service, hex) => {
    expect(healthRequest(service).toString("hex")).toBe(hex)
  })

  test.each<[hex: string, statuses: number[] | string]>([
    ["00000000020801", [1]],
    // Proto3 leaves out what is 0.
    ["0000000000", [0]],
    ["0000000002080200000000020801", [2, 1]],
    // A field of a later version.
    ["00000000051201410801", [1]],
    ["000000000208", []],
    ["01000000020801", "the answer is compressed, which was not asked for"],
    ["0000010000", "the answer has 65536 octets"],
    ["00ffffffff", "the answer has 4294967295 octets"],
    ["00000000020aff", "the answer is no HealthCheckResponse"],
    ["0000000001ff", "the answer is no HealthCheckResponse"],
  ])("%s", (hex, statuses) => {
    expect(new HealthResponses().push(Buffer.from(hex, "hex"))).toEqual(statuses)
  })

  test("octet by octet", () => {
    const responses = new HealthResponses()
    const seen = [...Buffer.from("0000000002080200000000020801", "hex")].flatMap(
      (octet): (number | string)[] => [responses.push(Buffer.of(octet))].flat(),
    )
    expect(seen).toEqual([2, 1])
  })
})

describe.each(["http", "tcp"] as const)("a check of type: %s", (type) => {
  const check = (connect: (on: { onEnd(why: string | null): void }) => Connecting) => {
    const config: HealthCheckConfig = { ...defaultHealthCheck(), type }
    const endpoint = defaultEndpoint({ text: "127.0.0.1:1", host: "127.0.0.1", port: 1, unixPath: null })
    const sockets: Pick<HealthSockets, "http1" | "tcp"> = {
      http1: (_checked, _asked, on) => connect(on),
      tcp: (_checked, on) => connect(on),
    }
    return checkOnce({
      config,
      tests: checkTests(config),
      checked: { endpoint, tls: null, host: "test" },
      sockets: sockets as HealthSockets,
      clock: new ManualClock(),
    })
  }

  test("cannot begin: that is why it is bad", async () => {
    const verdict = check(() => {
      throw new Error("no such thing")
    })
    expect(await verdict).toEqual({ isGood: false, reason: "no such thing" })
  })

  test("has ended before its connection is there: it is closed all the same", async () => {
    let closed = 0
    const verdict = check(({ onEnd }) => {
      onEnd("refused")
      return { close: () => void closed++ }
    })
    expect(await verdict).toEqual({ isGood: false, reason: "refused" })
    expect(closed).toBe(1)
  })
})
