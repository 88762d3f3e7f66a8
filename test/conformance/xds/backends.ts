import { once } from "node:events"
import { createSecureServer, createServer, type Http2Server, type ServerHttp2Stream } from "node:http2"
import type { AddressInfo } from "node:net"

/** A gRPC backend that says which it is: `/where.Where/Am` answers with the address that it was reached at. */
export class WhereBackend {
  readonly port: number
  readonly #server: Http2Server
  readonly #sessions = new Set<{ destroy(): void }>()
  /** What `grpc.health.v1` says of it. */
  isServing = true
  /** Open calls of `/where.Where/Silent`, which is never answered. */
  silent = 0

  private constructor(server: Http2Server, port: number) {
    this.#server = server
    this.port = port
    server.on("session", (session) => {
      this.#sessions.add(session)
      session.on("close", () => this.#sessions.delete(session))
      session.on("error", () => {})
    })
    server.on("stream", (stream: ServerHttp2Stream, headers) => {
      stream.on("error", () => {})
      if (headers[":path"] === "/where.Where/Silent") {
        this.silent++
        stream.on("close", () => this.silent--)
        return
      }
      stream.resume()
      stream.on("end", () => this.#answer(stream, headers[":path"]!))
    })
  }

  /** `host`: `0.0.0.0` is reached at every address of this machine. */
  static async start(
    tls: { cert: string; key: string } | null = null,
    host = "127.0.0.1",
  ): Promise<WhereBackend> {
    const server = tls === null ? createServer() : createSecureServer(tls)
    server.listen(0, host)
    await once(server, "listening")
    return new WhereBackend(server as Http2Server, (server.address() as AddressInfo).port)
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  #answer(stream: ServerHttp2Stream, path: string): void {
    if (stream.destroyed) return
    const { localAddress } = stream.session!.socket
    const message =
      path === "/grpc.health.v1.Health/Check"
        ? Buffer.of(8, this.isServing ? 1 : 2)
        : path === "/where.Where/Am"
          ? Buffer.from(`${localAddress}:${this.port}`)
          : null
    if (message === null) {
      stream.respond(
        { ":status": 200, "content-type": "application/grpc", "grpc-status": "12" },
        { endStream: true },
      )
      return
    }
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }))
    const head = Buffer.alloc(5)
    head.writeUInt32BE(message.length, 1)
    stream.end(Buffer.concat([head, message]))
  }

  close(): void {
    this.#server.close()
    for (const session of this.#sessions) session.destroy()
  }
}
