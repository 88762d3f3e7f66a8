import { DownstreamConnection, type DownstreamOptions, type OpenStream } from "../relay/downstream.ts"
import type { RelayContext } from "../relay/context.ts"
import { Exchange } from "../relay/exchange.ts"

export class Bridges {
  readonly openStream: OpenStream
  constructor(context: RelayContext) {
    this.openStream = (connection, stream, head, route) => new Exchange(context, connection, stream, head, route)
  }
  http1(options: DownstreamOptions): DownstreamConnection {
    return new DownstreamConnection(options)
  }
}
