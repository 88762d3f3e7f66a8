import type { Clock } from "../../base/clock.ts"
import type { HealthCheckConfig } from "../../config/model.ts"
import { GrpcStatus } from "../../grpc/status.ts"
import type { CheckConnection } from "./check-connection.ts"
import { ServingStatus, statusName } from "./health-message.ts"
import type { CheckedEndpoint, HealthSockets } from "./sockets.ts"

/** What one check has shown. Null: nothing, through no fault of the endpoint's. */
export type Verdict = { readonly isGood: boolean; readonly reason: string } | null

const GOOD: Verdict = { isGood: true, reason: "" }
const bad = (reason: string): Verdict => ({ isGood: false, reason })

export interface CheckOptions {
  readonly config: HealthCheckConfig
  readonly checked: CheckedEndpoint
  readonly sockets: HealthSockets
  readonly clock: Clock
}

/**
 * Asks an endpoint once, on a connection of its own, since whether it accepts one is a part of the question. Resolves within the
 * timeout.
 */
export function checkOnce({ config, checked, sockets, clock }: CheckOptions): Promise<Verdict> {
  return new Promise((resolve) => {
    let isDone = false
    const done = (verdict: Verdict): void => {
      if (isDone) return
      isDone = true
      timer.cancel()
      connection.close()
      resolve(verdict)
    }
    const timer = clock.after(config.timeoutMs, () => done(bad(`no answer within ${config.timeoutMs} ms`)))
    const onEnd = (reason: string | null): void => done(reason === null ? null : bad(reason))
    const connection =
      config.type === "tcp"
        ? sockets.tcp(checked, { onUp: () => done(GOOD), onEnd })
        : sockets.http2(checked, {
            onReady: (ready) => askGrpc(ready, config, done),
            onEnd,
          })
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
