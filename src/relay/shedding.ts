import { counterIds } from "../counters.ts"
import { type Deadline, makeDeadline } from "../deadlines.ts"
import type { Http2Connection } from "../http2/connection.ts"
import type { StreamOwner } from "./client-connection.ts"
import type { RelayContext } from "./context.ts"
import { failure } from "./failure.ts"

/** Streams below this hold too little to be worth ending. */
const WORTH_SHEDDING_OCTETS = 4096

/**
 * Ends the streams that hold most when a connection or the process holds too much, each by name in the log and with a
 * status that names the limit. It looks once per pass of the deadlines, not at every octet past the bound; what can
 * come in between is bounded by the windows that are open.
 */
export class Shedding {
  readonly #context: RelayContext
  readonly #streams: () => Iterable<StreamOwner>
  readonly #deadline: Deadline
  #isSet = false

  constructor(context: RelayContext, streams: () => Iterable<StreamOwner>) {
    this.#context = context
    this.#streams = streams
    this.#deadline = makeDeadline(() => this.#shed())
    context.budget.onExceeded = () => this.#later()
    context.budget.onWithheld = () => context.counters.add(counterIds.worker_buffer_withheld)
  }

  #later(): void {
    if (this.#isSet) return
    this.#isSet = true
    this.#context.deadlines.set(this.#deadline, 0)
  }

  #shed(): void {
    this.#isSet = false
    const { budget, counters, limits } = this.#context
    if (budget.excess === 0) return
    counters.add(counterIds.worker_buffer_exceeded)
    const holders = [...this.#streams()].map((stream) => ({ stream, held: stream.bufferedOctets }))
    const limit = `bufferedOctetsMax (${limits.bufferedOctetsMax} octets)`
    shedLargest(this.#context, holders, budget.excess, limit)
  }
}

/** Makes room on one connection, once what goes on now is over. Only what waits on that connection counts there. */
export function shedConnectionLater(context: RelayContext, http2: Http2Connection<StreamOwner>): void {
  const { limits, counters, deadlines } = context
  counters.add(counterIds.connection_buffer_exceeded)
  const shed = (): void => {
    const excess = http2.sender.queuedOctets - limits.connectionBufferedOctetsMax
    const limit = `connectionBufferedOctetsMax (${limits.connectionBufferedOctetsMax} octets)`
    if (excess <= 0) return
    const holders = http2.streams.values().flatMap(({ owner, queuedOctets }) => {
      return owner === null ? [] : [{ stream: owner, held: queuedOctets }]
    })
    shedLargest(context, holders, excess, limit)
  }
  deadlines.set(makeDeadline(shed), 0)
}

/** A stream and what its end would free. */
interface Holder {
  readonly stream: StreamOwner
  readonly held: number
}

/** Ends the largest until `octets` are free. */
function shedLargest(context: RelayContext, holders: readonly Holder[], octets: number, limit: string): void {
  const largest = holders.filter(({ held }) => held >= WORTH_SHEDDING_OCTETS).sort((a, b) => b.held - a.held)
  let freed = 0
  for (const { stream, held } of largest) {
    if (freed >= octets) return
    freed += held
    const { path, connection } = stream.record
    const client = `${connection.remoteAddress}:${connection.remotePort}`
    context.log.warn("stream ended to free memory", {
      limit,
      held,
      path,
      client,
      endpoint: stream.endpointAddress,
    })
    stream.shed(failure("overload", `${limit} is used up and this stream held ${held} octets`))
  }
}
