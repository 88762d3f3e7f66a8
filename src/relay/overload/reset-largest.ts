import { type Counters, counterIds } from "../../base/counters.ts"
import type { Limits } from "../../base/limits.ts"
import { type Deadline, makeDeadline, type TimerWheel } from "../../base/timer-wheel.ts"
import type { BufferBudget } from "../../http2/buffer-budget.ts"
import type { Log } from "../../log/logger.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { ConnectionRecord, StreamRecord } from "../../record/record.ts"

/** What holds less than this holds too little to be worth ending. */
const WORTH_RESETTING_OCTETS = 4096

/** A stream that may be reset to free what is held for it. */
export interface BufferingStream {
  readonly record: StreamRecord
  readonly endpointAddress: string
  readonly bufferedOctets: number
  /** Ends the stream and lets go at once of all that is held. */
  shed(what: Failure): void
}

/** A client's connection as far as the memory that it takes goes. */
export interface BufferingConnection {
  readonly record: ConnectionRecord
  readonly streams: Iterable<BufferingStream>
  /** Held for the client and no stream's any more: heads and trailers that it does not read. */
  readonly overflowOctets: number
  /** Ends it at once, with all that it holds. */
  cut(reason: string): void
}

/** An HTTP/2 connection, to a client or to an endpoint, with the streams that hold octets on it. */
export interface BufferingHttp2 {
  readonly sender: { readonly queuedOctets: number; readonly overflowOctets: number }
  readonly streams: {
    values(): { readonly queuedOctets: number; readonly owner: BufferingStream | null }[]
  }
}

export interface ResetContext {
  readonly limits: Limits
  readonly counters: Counters
  readonly deadlines: TimerWheel
  readonly log: Log
}

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
export class ResetLargestStreams {
  readonly #context: ResetContext
  readonly #budget: BufferBudget
  readonly #connections: () => Iterable<BufferingConnection>
  readonly #deadline: Deadline
  #isSet = false

  constructor(
    context: ResetContext & { readonly budget: BufferBudget },
    connections: () => Iterable<BufferingConnection>,
  ) {
    const { budget, counters } = context
    this.#context = context
    this.#budget = budget
    this.#connections = connections
    this.#deadline = makeDeadline(() => this.#reset())
    budget.onExceeded = () => this.#later()
    budget.onWithheld = () => counters.add(counterIds.worker_buffer_withheld)
  }

  #later(): void {
    if (this.#isSet) return
    this.#isSet = true
    this.#context.deadlines.set(this.#deadline, 0)
  }

  #reset(): void {
    this.#isSet = false
    const { counters, limits, log } = this.#context
    const { excess } = this.#budget
    if (excess === 0) return
    counters.add(counterIds.worker_buffer_exceeded)
    const holders: Holder[] = []
    for (const connection of this.#connections()) {
      const { record, overflowOctets } = connection
      for (const stream of connection.streams) holders.push(streamHolder(log, stream, stream.bufferedOctets))
      const client = `${record.remoteAddress}:${record.remotePort}`
      holders.push(connectionHolder(log, { client }, overflowOctets, (reason) => connection.cut(reason)))
    }
    endLargest(holders, excess, `bufferedOctetsMax (${limits.bufferedOctetsMax} octets)`)
  }
}

/** Makes room on one connection, once what goes on now is over. Only what waits on that connection counts there. */
export function resetLargestLater(
  context: ResetContext,
  http2: BufferingHttp2,
  peer: Record<string, string>,
  cut: (reason: string) => void,
): void {
  const { limits, counters, deadlines, log } = context
  counters.add(counterIds.connection_buffer_exceeded)
  const reset = (): void => {
    const { queuedOctets, overflowOctets } = http2.sender
    const excess = queuedOctets - limits.connectionBufferedOctetsMax
    if (excess <= 0) return
    const holders = http2.streams
      .values()
      .flatMap((stream) =>
        stream.owner === null ? [] : streamHolder(log, stream.owner, stream.queuedOctets),
      )
    holders.push(connectionHolder(log, peer, overflowOctets, cut))
    endLargest(holders, excess, `connectionBufferedOctetsMax (${limits.connectionBufferedOctetsMax} octets)`)
  }
  deadlines.set(makeDeadline(reset), 0)
}

function streamHolder(log: Log, stream: BufferingStream, held: number): Holder {
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
function endLargest(holders: readonly Holder[], octets: number, limit: string): void {
  const largest = holders.filter(({ held }) => held >= WORTH_RESETTING_OCTETS).sort((a, b) => b.held - a.held)
  let freed = 0
  for (const holder of largest) {
    if (freed >= octets) return
    freed += holder.held
    holder.end(limit)
  }
}
