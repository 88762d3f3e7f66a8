/** A backend that tells what it saw: HTTP/1.1 and HTTP/2, with TLS and without, on one port. */
import { type EventEmitter, once } from "node:events"
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createHttp2, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { setTimeout } from "node:timers/promises"
import { createServer as createTls } from "node:tls"

/** A request as a backend saw it. */
export interface Seen {
  /** As the file that was tried names it. */
  readonly backend: string
  readonly protocol: "HTTP/1" | "HTTP/2"
  readonly isTls: boolean
  readonly method: string
  readonly path: string
  /** Names in lower case, in order of the alphabet. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

const TLS_HANDSHAKE = 0x16
/** Of a millisecond each: a call that goes on is not waited for. */
const SETTLE_TURNS = 100

export class Stubs {
  readonly seen: Seen[] = []
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  /** Requests that have not ended. */
  #open = 0
  readonly #tls: { cert: string; key: string }

  constructor(tls: { cert: string; key: string }) {
    this.#tls = tls
  }

  /** Begins to listen as `backend`, on a port that the system picks or on a Unix socket. Returns the port, or 0. */
  async open(backend: string, unixPath: string | null = null): Promise<number> {
    const http1 = createHttp1({ keepAliveTimeout: 60_000 }, (request, response) =>
      this.#answer1(backend, request, response),
    )
    const http2 = createHttp2()
    http2.on("stream", (stream, headers) => this.#answer2(backend, stream, headers))
    http2.on("sessionError", () => {})
    const sniff = (socket: Socket): void => {
      socket.on("error", () => {})
      socket.once("data", (first: Buffer) => {
        socket.pause()
        socket.unshift(first)
        if (first[0] === TLS_HANDSHAKE) tls.emit("connection", socket)
        else if (first.toString("latin1", 0, 3) === "PRI") http2.emit("connection", socket)
        else {
          http1.emit("connection", socket)
          socket.resume()
        }
      })
    }
    const tls = createTls({ ...this.#tls, ALPNProtocols: ["h2", "http/1.1"] }, sniff)
    tls.on("tlsClientError", () => {})
    const server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on("close", () => this.#sockets.delete(socket))
      sniff(socket)
    })
    if (unixPath === null) server.listen(0, "127.0.0.1")
    else server.listen(unixPath)
    await once(server, "listening")
    this.#servers.push(server)
    return unixPath === null ? (server.address() as AddressInfo).port : 0
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  /** What was seen since the last time, once no request is under way. */
  async take(): Promise<Seen[]> {
    for (let i = 0; i < SETTLE_TURNS && this.#open > 0; i++) await setTimeout(1)
    return this.seen.splice(0)
  }

  #begin(message: EventEmitter): void {
    this.#open++
    message.once("close", () => void this.#open--)
  }

  #answer1(backend: string, request: IncomingMessage, response: ServerResponse): void {
    this.#begin(response)
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("error", () => {})
    request.on("end", () => {
      const pairs: [string, string][] = []
      for (let i = 0; i < request.rawHeaders.length; i += 2)
        pairs.push([request.rawHeaders[i]!.toLowerCase(), request.rawHeaders[i + 1]!])
      const seen = this.#note(backend, {
        protocol: "HTTP/1",
        isTls: (request.socket as { encrypted?: boolean }).encrypted === true,
        method: request.method ?? "",
        path: request.url ?? "",
        headers: pairs.sort(byName),
        body: Buffer.concat(chunks).toString("latin1"),
      })
      const manner = request.headers["x-stub"]
      if (manner === "close") return void request.socket.destroy()
      const { status, headers } = answerOf(manner, request.headers.host ?? "")
      response.sendDate = false
      response.writeHead(status, { ...headers, "content-type": "application/json" })
      response.end(textOf(seen))
    })
    if (request.headers.upgrade !== undefined) request.resume()
  }

  #answer2(backend: string, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    this.#begin(stream)
    const chunks: Buffer[] = []
    const manner = headers["x-stub"]
    const isTls = (stream.session?.socket as { encrypted?: boolean } | undefined)?.encrypted === true
    const isGrpc = headers["content-type"]?.startsWith("application/grpc") === true
    let hasBegun = false
    const begin = (): void => {
      if (hasBegun || stream.destroyed) return
      hasBegun = true
      stream.respond(
        { ":status": 200, "content-type": "application/grpc", "x-from": "stub" },
        { waitForTrailers: true },
      )
    }
    stream.on("wantTrailers", () =>
      stream.sendTrailers({ "grpc-status": manner === "grpc-error" ? "5" : "0", "x-trailer": "stub" }),
    )
    stream.on("error", () => {})
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk)
      // Each piece is a message of its own.
      if (isGrpc && manner === undefined) {
        begin()
        stream.write(chunk)
      }
    })
    stream.on("end", () => {
      const pairs = Object.entries(headers).filter(([name]) => !name.startsWith(":")) as [string, string][]
      const seen = this.#note(backend, {
        protocol: "HTTP/2",
        isTls,
        method: String(headers[":method"]),
        path: String(headers[":path"]),
        headers: [[":authority", String(headers[":authority"])] as [string, string], ...pairs].sort(byName),
        body: Buffer.concat(chunks).toString("latin1"),
      })
      if (manner === "close") return stream.session?.destroy()
      if (isGrpc && (manner === undefined || manner === "grpc-error")) {
        begin()
        if (!stream.destroyed) stream.end()
        return
      }
      const { status, headers: more } = answerOf(manner, String(headers[":authority"]))
      if (stream.destroyed) return
      stream.respond({ ...more, ":status": status, "content-type": "application/json" })
      stream.end(textOf(seen))
    })
  }

  #note(backend: string, seen: Omit<Seen, "backend">): Seen {
    const whole = { backend, ...seen }
    this.seen.push(whole)
    return whole
  }
}

const byName = ([one]: readonly [string, string], [other]: readonly [string, string]): number =>
  one < other ? -1 : one > other ? 1 : 0

function textOf({ backend, method, path }: Seen): string {
  return `${JSON.stringify({ backend, method, path })}\n`
}

function answerOf(manner: string | string[] | undefined, host: string) {
  switch (manner) {
    case "503":
    case "404":
      return { status: Number(manner), headers: { "x-from": "stub" } }
    case "redirect":
      return { status: 302, headers: { location: `http://${host}/moved?to=here` } }
    case "cookie":
      return { status: 200, headers: { "set-cookie": "id=1; Path=/app; Domain=stub.example; HttpOnly" } }
    default:
      return { status: 200, headers: { "x-from": "stub", server: "stub", "x-accel-expires": "0" } }
  }
}
