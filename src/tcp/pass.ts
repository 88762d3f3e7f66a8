import type { Address } from "../config/address.ts"
import { readPassAddress } from "../config/pass-address.ts"
import type { Log } from "../log/logger.ts"
import type { StreamRecord } from "../record/record.ts"
import type { FindListener, PassedClient, SocketEnd } from "../relay/downstream/passed-client.ts"

/** As in nginx: listeners that pass to each other end there. */
const PASSES_MAX = 10

/** nginx's `$status` of a session that cannot be passed on. */
const NO_LISTENER = 200
const NO_ADDRESS = 500

/** Where a client goes on. */
export interface PassTarget {
  readonly local: SocketEnd
  take(client: PassedClient): void
}

/**
 * Who takes over a client that is passed to `said`, or the status that its session ends with. Source:
 * ngx_stream_pass_module.
 */
export function findPassTarget(
  said: string,
  passes: number,
  { log, client }: { readonly log: Log; readonly client: string },
  findListener: FindListener,
): PassTarget | typeof NO_LISTENER | typeof NO_ADDRESS {
  const address = readPassAddress(said)
  if (address === null || passes >= PASSES_MAX) {
    const what =
      address === null ? "no address to pass a connection to" : "a connection is passed in a circle"
    log.warn(what, { said, client })
    return NO_ADDRESS
  }
  const take = findListener(address)
  if (take !== null) return { local: endOf(address), take }
  log.warn("no listener to pass a connection to", { said, client })
  return NO_LISTENER
}

function endOf({ host, port, unixPath }: Address): SocketEnd {
  return { address: host ?? `unix:${unixPath}`, port: port ?? 0 }
}

/** Who a session's client is: by the PROXY protocol where the proxy is believed, else its socket's peer. */
export function remoteOf({ connection, state }: Pick<StreamRecord, "connection" | "state">): SocketEnd {
  const { remoteAddress, remotePort } = connection
  const real = state?.realClient
  return { address: real?.address ?? remoteAddress, port: real?.port ?? remotePort }
}
