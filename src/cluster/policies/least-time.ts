import type { Random } from "../../base/random.ts"
import type { Endpoint } from "../endpoint.ts"
import { leastDrawn, leastOfAll } from "./least.ts"
import { type Picker, type PickRequest, SCANNED_MAX } from "./policy.ts"
import type { ResponseTimes } from "./response-times.ts"

/**
 * The endpoint with the least product of response time and streams open, for its weight; of more than 32 the least of 16
 * that chance draws.
 * Cost: O(endpoints), then O(1). Source: nginx `least_time`; the mean is Finagle's.
 */
export class LeastTime implements Picker {
  readonly #times: ResponseTimes

  constructor(times: ResponseTimes) {
    this.#times = times
  }

  pick(available: readonly Endpoint[], request: PickRequest, random: Random): Endpoint | undefined {
    const { costOf } = this.#times
    const drawn = available.length > SCANNED_MAX ? leastDrawn(available, request, random, costOf) : undefined
    return drawn ?? leastOfAll(available, request, random, costOf)
  }
}
