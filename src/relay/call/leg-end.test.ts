import { describe, expect, test } from "vitest"
import { ErrorCode } from "../../http2/error-code.ts"
import type { StreamEnd } from "../../http2/events.ts"
import { failure, failureKinds } from "../../record/failure.ts"
import {
  cancelledBy,
  failureOf,
  faultOf,
  type LegEnd,
  legEndOf,
  legEndOfFailure,
  reasonOf,
  resetCodeOf,
  statusOf,
} from "./leg-end.ts"

const { CANCEL, INTERNAL_ERROR, NO_ERROR, REFUSED_STREAM } = ErrorCode
const timeout = (kind: "read_timeout" | "send_timeout", isAnswered: boolean): LegEnd => {
  return { kind: "timeout", what: failure(kind, "nothing came"), isAnswered }
}

describe("how a leg ended", () => {
  test.for<
    [
      what: string,
      LegEnd,
      fault: ReturnType<typeof faultOf>,
      status: number,
      resetCode: number,
      told: string,
      logged: string,
    ]
  >([
    ["whole", { kind: "complete" }, "none", 0, NO_ERROR, "", ""],
    [
      "no connection",
      { kind: "not_connected", isTimeout: false, reason: "ECONNREFUSED" },
      ...(["endpoint", 502, CANCEL, "connect_failed, unsent: a: ECONNREFUSED", "ECONNREFUSED"] as const),
    ],
    [
      "no connection in time",
      { kind: "not_connected", isTimeout: true, reason: "no connection within 5 ms" },
      ...(["endpoint", 504, CANCEL, "connect_timeout, unsent: a: no connection within 5 ms"] as const),
      "no connection within 5 ms",
    ],
    [
      "no slot",
      { kind: "no_slot", reason: "pickQueueMax: 3 streams are waiting already" },
      ...([
        "none",
        0,
        CANCEL,
        "pick_queue, unsent: a: pickQueueMax: 3 streams are waiting already",
        "",
      ] as const),
    ],
    [
      "refused",
      { kind: "unprocessed", isGoaway: false, code: REFUSED_STREAM, reason: "RST_STREAM" },
      ...(["none", 502, CANCEL, "upstream_refused, unsent: a: RST_STREAM (REFUSED_STREAM)", ""] as const),
    ],
    [
      "lost",
      { kind: "lost", isGoodbye: false, reason: "ECONNRESET" },
      ...(["endpoint", 502, CANCEL, "upstream_lost: a: ECONNRESET", "ECONNRESET"] as const),
    ],
    [
      "malformed",
      { kind: "malformed", isAnswered: false, isOverrun: false, reason: "no :status" },
      ...(["endpoint", 502, CANCEL, "upstream_malformed: a: no :status", "no :status"] as const),
    ],
    [
      "lost after GOAWAY",
      { kind: "lost", isGoodbye: true, reason: "closed" },
      ...(["none", 502, CANCEL, "upstream_lost: a: closed", ""] as const),
    ],
    [
      "malformed after its head",
      { kind: "malformed", isAnswered: true, isOverrun: false, reason: "trailers that do not end" },
      ...(["none", 502, CANCEL, "", ""] as const),
    ],
    [
      "reset",
      { kind: "reset", code: INTERNAL_ERROR, isAnswered: false },
      ...(["endpoint", 502, CANCEL, "", "RST_STREAM (INTERNAL_ERROR)"] as const),
    ],
    ["reset as not wanted", { kind: "reset", code: CANCEL, isAnswered: false }, "none", 502, CANCEL, "", ""],
    [
      "reset after its head",
      { kind: "reset", code: INTERNAL_ERROR, isAnswered: true },
      "none",
      502,
      CANCEL,
      "",
      "",
    ],
    [
      "a status",
      { kind: "status", status: 503, grpcStatus: -1, pushbackMs: null },
      ...(["endpoint", 0, CANCEL, "upstream_refused: a: HTTP status 503", "HTTP status 503"] as const),
    ],
    [
      "a status that says something of the call",
      { kind: "status", status: 404, grpcStatus: -1, pushbackMs: null },
      ...(["none", 0, CANCEL, "upstream_refused: a: HTTP status 404", ""] as const),
    ],
    [
      "silent before its head",
      timeout("read_timeout", false),
      ...(["endpoint", 504, CANCEL, "read_timeout: nothing came", "nothing came"] as const),
    ],
    [
      "silent after it",
      timeout("read_timeout", true),
      ...(["none", 504, CANCEL, "read_timeout: nothing came", ""] as const),
    ],
    [
      "deaf",
      timeout("send_timeout", true),
      ...(["endpoint", 504, CANCEL, "send_timeout: nothing came", "nothing came"] as const),
    ],
    ["cancelled", { kind: "cancelled", code: INTERNAL_ERROR }, "client", 0, INTERNAL_ERROR, "", ""],
    ["its deadline", legEndOfFailure(failure("deadline", "passed")), "client", 0, CANCEL, "", ""],
    ["its request", { kind: "rejected", isCharged: false }, "client", 0, CANCEL, "", ""],
    ["Sluice's doing", { kind: "ended" }, "none", 0, CANCEL, "", ""],
  ])(
    "%s: whose fault, what nginx logs, what the endpoint, the client and the log are told",
    ([, end, ...expected]) => {
      const [fault, status, resetCode, told, logged] = expected
      expect([faultOf(end), statusOf(end), resetCodeOf(end)]).toEqual([fault, status, resetCode])
      if (told !== "") {
        const { kind, isUnsent, message } = failureOf(end, "a")
        expect(`${kind}${isUnsent ? ", unsent" : ""}: ${message}`).toBe(told)
      }
      if (logged !== "") expect(reasonOf(end)).toBe(logged)
    },
  )

  const reset: StreamEnd = { code: INTERNAL_ERROR, origin: "peer", unprocessed: false, reason: "RST_STREAM" }
  test.for<[what: string, StreamEnd, LegEnd]>([
    ["RST_STREAM", reset, { kind: "reset", code: INTERNAL_ERROR, isAnswered: true }],
    [
      "REFUSED_STREAM",
      { ...reset, code: REFUSED_STREAM, unprocessed: true },
      { kind: "unprocessed", isGoaway: false, code: REFUSED_STREAM, reason: "RST_STREAM" },
    ],
    [
      "above GOAWAY's last stream",
      { code: REFUSED_STREAM, origin: "connection", unprocessed: true, reason: "GOAWAY(1)" },
      { kind: "unprocessed", isGoaway: true, code: REFUSED_STREAM, reason: "GOAWAY(1)" },
    ],
    [
      "the connection",
      { ...reset, origin: "connection", reason: "gone" },
      { kind: "lost", isGoodbye: true, reason: "gone" },
    ],
    [
      "a breach",
      { ...reset, origin: "local", reason: "no" },
      { kind: "malformed", isAnswered: true, isOverrun: false, reason: "no" },
    ],
    [
      "octets past a window",
      { ...reset, origin: "local", code: 3, reason: "no" },
      { kind: "malformed", isAnswered: true, isOverrun: true, reason: "no" },
    ],
  ])("is what the upstream stream says: %s", ([, end, expected]) => {
    expect(legEndOf(end, true, true)).toEqual(expected)
  })

  test.for<[what: string, StreamEnd, code: number]>([
    ["its own code goes up", reset, INTERNAL_ERROR],
    ["NO_ERROR says nothing to an endpoint", { ...reset, code: NO_ERROR }, CANCEL],
    ["a client that is gone", { ...reset, origin: "connection" }, CANCEL],
  ])("cancelled by its client: %s", ([, end, code]) => {
    expect(cancelledBy(end)).toEqual({ kind: "cancelled", code })
  })

  test("where Sluice fails the call, it is the client's only for what the client sent, or its own deadline", () => {
    const clients = failureKinds.filter((kind) => faultOf(legEndOfFailure(failure(kind, "why"))) === "client")
    expect(clients).toEqual(["bad_request", "body_timeout", "body_too_large", "deadline"])
    expect(
      failureKinds.filter((kind) => faultOf(legEndOfFailure(failure(kind, "why"))) === "endpoint"),
    ).toEqual([])
  })
})
