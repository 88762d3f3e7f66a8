import { Code, ConnectError } from "@connectrpc/connect"
import { createEnvelopeReadableStream } from "@connectrpc/connect/protocol"

/** Octets that wait in the browser before the next message is taken from the caller. */
const BUFFERED_OCTETS_MAX = 1024 * 1024
/** How often a full buffer is looked at: browsers send no event when it empties. */
const LOOK_AGAIN_MS = 20

/** The first octet of each message to Sluice. */
const Control = { DATA: 0, HALF_CLOSE: 1 } as const

/** The subprotocol of @improbable-eng/grpc-web, which Sluice speaks where `grpc_websocket` is on. */
const SUBPROTOCOL = "grpc-websockets"

/** Makes a WebSocket; the global class unless said otherwise. */
export type WebSocketFactory = (url: string, protocols: string[]) => WebSocket

/** One call's WebSocket: request frames go in, response octets come out as a stream. */
export class WebSocketBody {
  /** gRPC-Web frames, cut anywhere: a header block, messages, the trailers. Errors: `ConnectError`. */
  readonly response: ReadableStream<Uint8Array>
  readonly #socket: WebSocket
  readonly #opened: Promise<void>
  #isOver = false
  /** There is a Sluice at the address, which may have seen the call. */
  wasOpened = false

  /** Aborting `signal` cancels the call on the backend. */
  constructor(url: string, header: Headers, signal: AbortSignal, makeSocket: WebSocketFactory) {
    const socket = makeSocket(url.replace(/^http/, "ws"), [SUBPROTOCOL])
    socket.binaryType = "arraybuffer"
    this.#socket = socket
    this.#opened = new Promise((resolve) => {
      socket.addEventListener("open", () => {
        this.wasOpened = true
        socket.send(headerBlock(header))
        resolve()
      })
      socket.addEventListener("close", () => resolve())
    })
    this.response = new ReadableStream<Uint8Array>({
      start: (controller) => this.#listen(controller, signal),
      cancel: () => this.close(),
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Its frames, whole. Errors: `ConnectError`. */
  async *frames(): AsyncGenerator<{ flags: number; data: Uint8Array }, void> {
    // Not every browser iterates over a stream by itself.
    const reader = createEnvelopeReadableStream(this.response).getReader()
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  }

  /** Sends a message with its prefix, once there is room for it. Does nothing when the call is over. */
  async send(envelope: Uint8Array): Promise<void> {
    await this.#opened
    while (!this.#isOver && this.#socket.bufferedAmount > BUFFERED_OCTETS_MAX) await pause(LOOK_AGAIN_MS)
    if (this.#isOver) return
    const message = new Uint8Array(1 + envelope.length)
    message[0] = Control.DATA
    message.set(envelope, 1)
    this.#socket.send(message)
  }

  /** No more is sent. */
  async halfClose(): Promise<void> {
    await this.#opened
    if (!this.#isOver) this.#socket.send(new Uint8Array([Control.HALF_CLOSE]))
  }

  /** Ends the call; a backend that was still at it sees it cancelled. */
  close(): void {
    this.#isOver = true
    this.#socket.close()
  }

  #listen(controller: ReadableStreamDefaultController<Uint8Array>, signal: AbortSignal): void {
    const socket = this.#socket
    const end = (error: unknown): void => {
      if (this.#isOver) return
      this.#isOver = true
      signal.removeEventListener("abort", abort)
      if (error === null) controller.close()
      else controller.error(error)
    }
    const abort = (): void => {
      end(signal.reason)
      socket.close()
    }
    let isOpen = false
    socket.addEventListener("open", () => (isOpen = true))
    socket.addEventListener("message", ({ data }: MessageEvent) => {
      if (!this.#isOver) controller.enqueue(new Uint8Array(data as ArrayBuffer))
    })
    socket.addEventListener("close", ({ wasClean }: CloseEvent) => {
      const lost = isOpen ? "the connection was lost" : "no WebSocket could be opened"
      end(isOpen && wasClean ? null : new ConnectError(lost, Code.Unavailable))
    })
    if (signal.aborted) abort()
    else signal.addEventListener("abort", abort)
  }
}

/** The first message: the request's headers, a line each. */
function headerBlock(header: Headers): Uint8Array<ArrayBuffer> {
  let text = ""
  for (const [name, value] of header) text += `${name}: ${value}\r\n`
  return new TextEncoder().encode(text)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => AbortSignal.timeout(ms).addEventListener("abort", () => resolve()))
}
