import { counterIds } from "../../base/counters.ts"
import { type Deadline, makeDeadline } from "../../base/timer-wheel.ts"
import type { Http2Connection } from "../../http2/connection.ts"
import type { Log } from "../../log/logger.ts"
import { failure } from "../../record/failure.ts"
import type { RelayContext } from "../context.ts"
import type { ClientConnection, StreamOwner } from "../downstream/client-connection.ts"

/** What holds less than this holds too little to be worth ending. */
const WORTH_SHEDDING_OCTETS = 4096

/** What can be ended, and what that would free. */
interface Holder {
  readonly held: number
  end(limit: string): void
}

/**
 * Ends what holds most when a connection or the process holds too much, each by name in the log and streams with a
 * status that names the limit: streams, and connections whose peers do not read the heads they are sent. It looks once
 * per pass of the deadlines, not at every octet past the bound; what can come in between is bounded by the windows that
 * are open.
 */
export class Shedding {
  readonly #context: RelayContext
  readonly #connections: () => Iterable<ClientConnection>
  readonly #deadline: Deadline
  #isSet = false

  constructor(context: RelayContext, connections: () => Iterable<ClientConnection>) {
    this.#context = context
    this.#connections = connections
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
    const { budget, counters, limits, log } = this.#context
    if (budget.excess === 0) return
    counters.add(counterIds.worker_buffer_exceeded)
    const holders: Holder[] = []
    for (const connection of this.#connections()) {
      const { record, overflowOctets } = connection
      for (const stream of connection.streams) holders.push(streamHolder(log, stream, stream.bufferedOctets))
      const client = `${record.remoteAddress}:${record.remotePort}`
      holders.push(connectionHolder(log, { client }, overflowOctets, (reason) => connection.cut(reason)))
    }
    shedLargest(holders, budget.excess, `bufferedOctetsMax (${limits.bufferedOctetsMax} octets)`)
  }
}

/** Makes room on one connection, once what goes on now is over. Only what waits on that connection counts there. */
export function shedConnectionLater(
  context: RelayContext,
  http2: Http2Connection<StreamOwner>,
  peer: Record<string, string>,
  cut: (reason: string) => void,
): void {
  const { limits, counters, deadlines, log } = context
  counters.add(counterIds.connection_buffer_exceeded)
  const shed = (): void => {
    const { queuedOctets, overflowOctets } = http2.sender
    const excess = queuedOctets - limits.connectionBufferedOctetsMax
    if (excess <= 0) return
    const holders = http2.streams
      .values()
      .flatMap((stream) =>
        stream.owner === null ? [] : streamHolder(log, stream.owner, stream.queuedOctets),
      )
    holders.push(connectionHolder(log, peer, overflowOctets, cut))
    shedLargest(holders, excess, `connectionBufferedOctetsMax (${limits.connectionBufferedOctetsMax} octets)`)
  }
  deadlines.set(makeDeadline(shed), 0)
}

function streamHolder(log: Log, stream: StreamOwner, held: number): Holder {
  return {
    held,
    end(limit) {
      const { path, connection } = stream.record
      const client = `${connection.remoteAddress}:${connection.remotePort}`
      const endpoint = stream.endpointAddress
      log.warn("stream ended to free memory", { limit, held, path, client, endpoint })
      stream.shed(failure("overload", `${limit} is used up and this stream held ${held} octets`))
    },
  }
}

function connectionHolder(
  log: Log,
  peer: Record<string, string>,
  held: number,
  cut: (reason: string) => void,
): Holder {
  return {
    held,
    end(limit) {
      log.warn("connection ended to free memory", { limit, held, ...peer })
      cut(`${limit} is used up and ${held} octets of heads and trailers were not read`)
    },
  }
}

/** Ends the largest until `octets` are free. */
function shedLargest(holders: readonly Holder[], octets: number, limit: string): void {
  const largest = holders.filter(({ held }) => held >= WORTH_SHEDDING_OCTETS).sort((a, b) => b.held - a.held)
  let freed = 0
  for (const holder of largest) {
    if (freed >= octets) return
    freed += holder.held
    holder.end(limit)
  }
}
