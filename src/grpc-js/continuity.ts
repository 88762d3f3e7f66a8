import { randomBytes } from "node:crypto"
import { InterceptingCall, type Interceptor } from "@grpc/grpc-js"
import { systemClock } from "../base/clock.ts"
import { systemRandom } from "../base/random.ts"
import { defaultContinuity } from "../config/defaults.ts"
import { ContinuedCall } from "./continued-call.ts"

export interface ContinuityOptions {
  /** Most octets of messages that are kept for another leg, beside those that were not sent yet. Default: 64 KiB. */
  keepOctets?: number
  /** The longest time without a backend, in milliseconds. Default: 10,000. */
  gapMaxMs?: number
  /** Most legs in a row that did not last a second. Default: 8. */
  legsMax?: number
}

/**
 * Streams that outlive their backend, and the proxy before it: when one ends through no fault of the call, another is
 * opened in its place with the fields of Stream Continuity (docs/stream-continuity.md), and the caller sees one stream. For
 * methods that stream both ways, of backends that hand off or resume; any other call is as without it.
 */
export function continuityInterceptor(options: ContinuityOptions = {}): Interceptor {
  const config = { ...defaultContinuity(), ...options, modes: ["handoff" as const, "resume" as const] }
  return (callOptions, nextCall) => {
    const { requestStream, responseStream, requestSerialize } = callOptions.method_definition
    if (!requestStream || !responseStream) return new InterceptingCall(nextCall(callOptions))
    const call = new ContinuedCall({
      config,
      clock: systemClock,
      random: systemRandom,
      id: randomBytes(16).toString("hex"),
      octetsOf: (message) => requestSerialize(message).length,
      openLeg: () => nextCall(callOptions),
    })
    return new InterceptingCall(call)
  }
}
