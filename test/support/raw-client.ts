import { connect } from "node:net"
import * as dsl from "./frame-dsl.ts"
import { RawConnection, type RawOptions } from "./raw-connection.ts"

/** A client that sends frames as the test says, over a real socket. */
export class RawClient extends RawConnection {
  #nextId = 1

  static async connect(port: number, options: RawOptions = {}): Promise<RawClient> {
    const socket = connect(port, "127.0.0.1")
    const client = new RawClient(socket, "client", options)
    await client.until(() => client.about(0).includes("SETTINGS"), "SETTINGS")
    return client
  }

  /** Sends a request's head and returns its stream. */
  open(fields: readonly dsl.Field[] = dsl.request, options: { endStream?: boolean } = {}): number {
    const id = this.#nextId
    this.#nextId += 2
    this.send(dsl.headersInPieces(id, fields, options))
    return id
  }
}
