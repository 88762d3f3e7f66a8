import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { FrameType } from "../../src/http2/frame/types.ts"
import { eventually } from "./eventually.ts"
import type * as dsl from "./frame-dsl.ts"
import { RawConnection, type RawOptions } from "./raw-connection.ts"

/** A stream that came to a raw server. */
export interface RawStream {
  readonly connection: RawConnection
  readonly id: number
  readonly fields: readonly dsl.Field[]
}

/** A backend that answers with frames as the test says, over real sockets. */
export class RawServer {
  /** Every connection so far, in order. */
  readonly connections: RawConnection[] = []
  /** Every stream so far, in order. */
  readonly streams: RawStream[] = []
  options: RawOptions
  /** New connections are accepted and told nothing, until the test sends SETTINGS itself. */
  holdsSettings = false
  /** Called for every new stream. */
  onStream: (stream: RawStream) => void = () => {}
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(options: RawOptions) {
    this.options = options
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on("close", () => this.#sockets.delete(socket))
      const connection = new RawConnection(socket, "server", { ...this.options, isMute: this.holdsSettings })
      this.connections.push(connection)
      connection.onFrame = (frame) => this.#onFrame(connection, frame)
    })
  }

  /** `host` and `port`: where it listens, for several servers of one name. */
  static async start(options: RawOptions = {}, host = "127.0.0.1", port = 0): Promise<RawServer> {
    const server = new RawServer(options)
    await server.listen(port, host)
    return server
  }

  async listen(port: number, host = "127.0.0.1"): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject)
      this.#server.listen(port, host, () => resolve())
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The stream that came as number `index`, from 0. */
  async stream(index = 0): Promise<RawStream> {
    await eventually(
      () => this.streams.length > index,
      () => `stream ${index} at the backend, which has seen ${this.streams.length}`,
    )
    return this.streams[index]!
  }

  /** Breaks every connection and takes no more. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
  }

  #onFrame(connection: RawConnection, frame: dsl.SeenFrame): void {
    if (frame.type !== FrameType.HEADERS || !frame.fields.some(([name]) => name === ":method")) return
    const stream = { connection, id: frame.streamId, fields: frame.fields }
    this.streams.push(stream)
    this.onStream(stream)
  }
}
