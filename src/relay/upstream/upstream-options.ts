import type { Socket } from "node:net"
import type { Endpoint } from "../../cluster/endpoint.ts"
import type { Pool } from "../../cluster/pool.ts"
import type { ClusterConfig } from "../../config/model.ts"
import type { Link } from "../../net/link.ts"
import type { OnOctets } from "../../net/shared-read.ts"
import type { LegConnection } from "./leg-connection.ts"
import type { UpstreamContext } from "./upstream-context.ts"

/** What a connection to an endpoint is made from; `Connection`: its class. */
export interface UpstreamOptions<Connection> {
  context: UpstreamContext
  endpoint: Endpoint
  pool: Pool<LegConnection>
  cluster: ClusterConfig
  /** Starts the socket. */
  dial: (onOctets: OnOctets) => Socket
  link: (socket: Socket) => Link
  onClosed: (connection: Connection) => void
}
