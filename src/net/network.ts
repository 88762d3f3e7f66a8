import { connect } from "./connect.ts"
import { listen } from "./listen.ts"

/**
 * What a balancer reaches others by. The simulator hands in its own, with sockets that lose, delay and cut what they
 * carry as a seed says.
 */
export interface Network {
  readonly listen: typeof listen
  readonly connect: typeof connect
  /** Calls back once the octets that this turn of the event loop brought have been read. */
  afterReads(callback: () => void): void
}

export const systemNetwork: Network = {
  listen,
  connect,
  afterReads: (callback) => void setImmediate(callback),
}
