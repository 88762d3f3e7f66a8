/** HTTP/1.1 as octets: clients and backends that say whatever a test wants, and a strict reader of both sides. */
import { connect, createServer, type Server, type Socket } from "node:net"

/** A request or a response as it stood on the wire. */
export interface WireMessage {
  readonly line: string
  /** Names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: string
  /** False: the octets ended before the message did. */
  readonly isWhole: boolean
}

/** What a body's length follows from. */
export interface BodyRule {
  /** A body without a length ends with its connection: responses. */
  readonly endsByClose: boolean
  /** The response to the message at `index` has no body, whatever it says. */
  isBodiless(index: number): boolean
}

const REQUESTS: BodyRule = { endsByClose: false, isBodiless: () => false }

/** Splits what came over one connection. Strict: what is not HTTP/1.1 is one last message that is not whole. */
export function readMessages(text: string, rule: BodyRule = REQUESTS): WireMessage[] {
  const messages: WireMessage[] = []
  let at = 0
  while (at < text.length) {
    const headEnd = text.indexOf("\r\n\r\n", at)
    if (headEnd < 0) {
      messages.push({ line: text.slice(at), fields: [], body: "", isWhole: false })
      break
    }
    const [line = "", ...rest] = text.slice(at, headEnd).split("\r\n")
    const fields = rest.map((field) => {
      const colon = field.indexOf(":")
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const
    })
    const hasNoBody = /^HTTP\/1\.[01] (1\d\d|204|304) /.test(line)
    const body = readBody(text, headEnd + 4, fields, rule, hasNoBody || rule.isBodiless(messages.length))
    messages.push({ line, fields, body: body.text, isWhole: body.isWhole })
    at = body.end
  }
  return messages
}

function readBody(
  text: string,
  start: number,
  fields: WireMessage["fields"],
  { endsByClose }: BodyRule,
  isBodiless: boolean,
): { text: string; end: number; isWhole: boolean } {
  const value = (wanted: string): string | undefined => fields.find(([name]) => name === wanted)?.[1]
  if (isBodiless) return { text: "", end: start, isWhole: true }
  if (value("transfer-encoding") !== undefined) return readChunks(text, start)
  const length = value("content-length")
  if (length === undefined) {
    const end = endsByClose ? text.length : start
    return { text: text.slice(start, end), end, isWhole: true }
  }
  const end = start + Number(length)
  return { text: text.slice(start, end), end, isWhole: end <= text.length }
}

function readChunks(text: string, start: number): { text: string; end: number; isWhole: boolean } {
  let body = ""
  let at = start
  for (;;) {
    const size = /^([0-9a-f]+)[^\r\n]*\r\n/i.exec(text.slice(at))
    if (size === null) return { text: body, end: text.length, isWhole: false }
    at += size[0].length
    const octets = Number.parseInt(size[1]!, 16)
    if (octets === 0) {
      const end = text.startsWith("\r\n", at) ? at + 2 : text.indexOf("\r\n\r\n", at) + 4
      return end < at ? { text: body, end: text.length, isWhole: false } : { text: body, end, isWhole: true }
    }
    body += text.slice(at, at + octets)
    at += octets + 2
    if (at > text.length) return { text: body, end: text.length, isWhole: false }
  }
}

/** Writes `pieces`, each once the one before is on its way, and returns all that comes until the other side closes. */
export function exchange(socketPath: string, pieces: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    let text = ""
    socket.on("data", (octets: Buffer) => (text += octets.toString("latin1")))
    socket.on("error", () => {})
    socket.on("close", () => resolve(text))
    const next = (index: number): void => {
      if (index < pieces.length && socket.writable)
        socket.write(pieces[index]!, "latin1", () => setImmediate(next, index + 1))
    }
    next(0)
  })
}

/** What a backend does once it has read the head of a request for `path`. */
export type Conduct = (socket: Socket) => void

/**
 * A backend that keeps to HTTP/1.1, answering each request with its own path, but for those whose conduct is given.
 */
export class WireBackend {
  readonly conducts = new Map<string, Conduct>()
  readonly #connections: { text: string; taken: number }[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket))
  }

  static async start(socketPath: string): Promise<WireBackend> {
    const backend = new WireBackend()
    await new Promise<void>((resolve) => void backend.#server.listen(socketPath, resolve))
    return backend
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  /** The requests since the last time, as a strict reader understood them. */
  taken(): WireMessage[] {
    const all: WireMessage[] = []
    for (const connection of this.#connections) {
      const messages = readMessages(connection.text)
      all.push(...messages.slice(connection.taken))
      connection.taken = messages.length
    }
    return all
  }

  #serve(socket: Socket): void {
    const connection = { text: "", taken: 0 }
    let answered = 0
    this.#connections.push(connection)
    this.#sockets.add(socket)
    socket.on("close", () => this.#sockets.delete(socket))
    socket.on("error", () => {})
    socket.on("data", (octets: Buffer) => {
      connection.text += octets.toString("latin1")
      const messages = readMessages(connection.text)
      while (answered < messages.length) {
        const { line, isWhole } = messages[answered]!
        const path = line.split(" ")[1] ?? ""
        const conduct = this.conducts.get(path)
        if (conduct === undefined && !isWhole) return
        answered++
        if (conduct !== undefined) conduct(socket)
        else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)
      }
    })
  }
}
