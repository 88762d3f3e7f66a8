import type { Clock } from "../../base/clock.ts"
import {
  ANY_SUCCESS,
  compileMatch,
  type HealthTest,
  readExpect,
  unescapedOctets,
} from "../../config/health-match.ts"
import type { HealthCheckConfig } from "../../config/model.ts"
import { GrpcStatus } from "../../grpc/status.ts"
import type { CheckConnection } from "./check-connection.ts"
import { ServingStatus, statusName } from "./health-message.ts"
import type { CheckedEndpoint, Connecting, HealthSockets } from "./sockets.ts"

/** What one check has shown. Null: nothing, through no fault of the endpoint's. */
export type Verdict = { readonly isGood: boolean; readonly reason: string } | null

const GOOD: Verdict = { isGood: true, reason: "" }
const bad = (reason: string): Verdict => ({ isGood: false, reason })

/** How answers are judged, compiled once for all checks of a cluster. */
export interface CheckTests {
  readonly http: HealthTest
  /** Null: nothing is expected. */
  readonly tcp: ((came: string) => boolean) | null
}

/** Errors: throws a sentence, of what the configuration's own checks let pass. */
export function checkTests({ match, expect }: HealthCheckConfig): CheckTests {
  const tcp = expect === null ? null : readExpect(expect)
  if (typeof tcp === "string") throw new Error(tcp)
  return { http: compileMatch(match ?? ANY_SUCCESS), tcp }
}

export interface CheckOptions {
  readonly config: HealthCheckConfig
  readonly tests: CheckTests
  readonly checked: CheckedEndpoint
  readonly sockets: HealthSockets
  readonly clock: Clock
}

/**
 * Asks an endpoint once, on a connection of its own, since whether it accepts one is a part of the question. Resolves within the
 * timeout.
 */
export function checkOnce({ config, tests, checked, sockets, clock }: CheckOptions): Promise<Verdict> {
  return new Promise((resolve) => {
    let isDone = false
    let connection: Connecting | null = null
    const done = (verdict: Verdict): void => {
      if (isDone) return
      isDone = true
      timer.cancel()
      connection?.close()
      resolve(verdict)
    }
    const timer = clock.after(config.timeoutMs, () => done(bad(`no answer within ${config.timeoutMs} ms`)))
    const onEnd = (reason: string | null): void => done(reason === null ? null : bad(reason))
    const judged = (why: string | null): void => done(why === null ? GOOD : bad(why))
    const begin = (): Connecting => {
      switch (config.type) {
        case "grpc":
          return sockets.http2(checked, { onReady: (ready) => askGrpc(ready, config, done), onEnd })
        case "http": {
          const asked = { uri: config.uri, wantsBody: (config.match?.body.length ?? 0) > 0 }
          return sockets.http1(checked, asked, { onAnswer: (answer) => judged(tests.http(answer)), onEnd })
        }
        case "tcp":
          return askTcp(config.send, tests.tcp, { checked, sockets, done, onEnd })
      }
    }
    try {
      connection = begin()
      // It may have ended before it was there.
      if (isDone) connection.close()
    } catch (error) {
      done(bad((error as Error).message))
    }
  })
}

function askTcp(
  send: string | null,
  isThere: CheckTests["tcp"],
  {
    checked,
    sockets,
    done,
    onEnd,
  }: Pick<CheckOptions, "checked" | "sockets"> & {
    done(verdict: Verdict): void
    onEnd(reason: string | null): void
  },
): Connecting {
  const onUp = (): void => done(GOOD)
  if (send === null && isThere === null) return sockets.tcp(checked, { onUp, onEnd })
  return sockets.exchange(checked, Buffer.from(unescapedOctets(send ?? ""), "latin1"), {
    onUp: () => {
      if (isThere === null) done(GOOD)
    },
    onCame: (came) => {
      if (isThere?.(came) === true) done(GOOD)
    },
    onEnd,
  })
}

function askGrpc(
  connection: CheckConnection,
  config: HealthCheckConfig,
  done: (verdict: Verdict) => void,
): void {
  let status: number | null = null
  connection.ask("Check", config.service, config.timeoutMs, {
    onStatus: (said) => (status = said),
    onEnd: (grpcStatus, reason) => done(judge(config, grpcStatus, status, reason)),
  })
}

/** `servingStatus`: of the message that came; null: none did. `reason`: grpc-message, or why there is no grpc-status (-1). */
export function judge(
  { service, grpcStatus: expected }: Pick<HealthCheckConfig, "service" | "grpcStatus">,
  grpcStatus: number,
  servingStatus: number | null,
  reason: string,
): Verdict {
  if (grpcStatus < 0) return bad(reason)
  if (grpcStatus !== GrpcStatus.OK) {
    // nginx: `grpc_status=`, for servers that do not know the protocol.
    if (grpcStatus === expected) return GOOD
    // It speaks gRPC and knows nothing of health: that it answers is all there is to know.
    if (grpcStatus === GrpcStatus.UNIMPLEMENTED) return GOOD
    const said = reason === "" ? "" : ` (${reason.slice(0, 100)})`
    return bad(`grpc-status ${grpcStatus}${said}`)
  }
  if (servingStatus === null) return bad("OK without an answer")
  if (servingStatus === ServingStatus.SERVING) return GOOD
  return bad(`${service === "" ? "" : `${service}: `}${statusName(servingStatus)}`)
}
