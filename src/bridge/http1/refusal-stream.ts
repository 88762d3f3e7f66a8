import { STATUS_CODES } from "node:http"
import { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import type { DownstreamStream } from "../../relay/call/stream-owner.ts"
import type { Http1Socket } from "./socket.ts"

/**
 * The response to a request that became no stream, straight to the socket: a call with an answer of Sluice's own writes it,
 * so that a request which cannot be read has its line in the access log. The connection ends behind it.
 */
export class RefusalStream implements DownstreamStream {
  isClosed = false
  localEnded = false
  readonly remoteEnded = true
  readonly queuedOctets = 0
  readonly headerListMax = Number.POSITIVE_INFINITY
  readonly #socket: Http1Socket

  constructor(socket: Http1Socket) {
    this.#socket = socket
  }

  sendHeaders(list: HeaderList, endStream: boolean): void {
    const { fields } = list
    const status = Number(list.get(":status"))
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nconnection: close\r\n`
    for (let i = 0; i < fields.length; i += 2)
      if (!fields[i]!.startsWith(":")) text += `${fields[i]}: ${fields[i + 1]}\r\n`
    this.#socket.write(`${text}\r\n`, "latin1")
    if (endStream) this.#end()
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    this.#socket.write(Buffer.from(octets.subarray(start, end)))
    if (endStream) this.#end()
    return end - start
  }

  discardQueued(): void {}
  consume(): void {}
  /** The connection ends behind it. */
  chargePeer(): void {}

  /** nginx's 444: no answer. */
  reset(): void {
    this.isClosed = true
    this.#socket.destroy()
  }

  #end(): void {
    this.localEnded = true
    this.isClosed = true
    this.#socket.end()
  }
}

/** `METHOD SP target` of a request line; what follows it may be anything. */
const REQUEST_LINE = /^([!-~]{1,40}) ([!-~]{1,8192})/

/**
 * What the log shows of a request whose head is malformed: its method and target, as far as there are any. A content type of
 * gRPC's makes the answer one of gRPC's.
 */
export function headOfMalformed(
  method: string,
  target: string,
  scheme: string,
  contentType?: string,
): RequestHead {
  const fields = [":method", method, ":scheme", scheme, ":path", target]
  if (contentType !== undefined) fields.push("content-type", contentType)
  const list = new HeaderList(fields)
  return { list, method, scheme, authority: "", path: target, contentLength: -1 }
}

/** The same of the octets that a parser gave up at. */
export function headOfOctets(octets: Buffer | undefined, scheme: string): RequestHead {
  const [, method = "", target = ""] = REQUEST_LINE.exec(octets?.toString("latin1") ?? "") ?? []
  return headOfMalformed(method, target, scheme)
}
