import type { BinaryReadOptions, BinaryWriteOptions, DescMessage, MessageShape } from "@bufbuild/protobuf"
import {
  Code,
  ConnectError,
  createContextValues,
  type Interceptor,
  type Transport,
  type UnaryRequest,
} from "@connectrpc/connect"
import {
  createClientMethodSerializers,
  createEnvelopeReadableStream,
  createMethodUrl,
  encodeEnvelope,
  runStreamingCall,
  runUnaryCall,
} from "@connectrpc/connect/protocol"
import { requestHeader, trailerFlag, validateTrailer } from "@connectrpc/connect/protocol-grpc-web"
import { readTrailer } from "./trailer.ts"
import { WebSocketBody, type WebSocketFactory } from "./web-socket-body.ts"

export interface WebSocketTransportOptions {
  /** Where Sluice is, for instance `https://chat.example` or `/`, the page's own host. `/Service/Method` is added. */
  baseUrl: string
  interceptors?: Interceptor[]
  /** For calls that set no time of their own, in milliseconds. Default: none. */
  defaultTimeoutMs?: number
  binaryOptions?: Partial<BinaryReadOptions & BinaryWriteOptions>
  /** Default: the global `WebSocket`. */
  webSocket?: WebSocketFactory
}

/**
 * A transport for Connect's generated clients that has all four kinds of calls in the browser, full-duplex streams among
 * them, which `fetch` cannot carry. Every call is a WebSocket of its own; aborting it cancels it on the backend.
 *
 * The route needs `grpc_websocket on` (nginx.conf) or `bridge: { webSocket: true }` (sluice.yaml). docs/browsers.md.
 */
export function createWebSocketTransport(options: WebSocketTransportOptions): Transport {
  const makeSocket = options.webSocket ?? ((url, protocols) => new WebSocket(url, protocols))
  const open = (request: CallTarget): WebSocketBody =>
    new WebSocketBody(absolute(request.url), request.header, request.signal, makeSocket)
  return {
    unary(method, signal, timeoutMs, header, message, contextValues) {
      const limitMs = timeoutOf(options, timeoutMs)
      const { serialize, parse } = createClientMethodSerializers(
        method,
        true,
        undefined,
        options.binaryOptions,
      )
      return runUnaryCall({
        ...(options.interceptors && { interceptors: options.interceptors }),
        ...(signal && { signal }),
        ...(limitMs !== undefined && { timeoutMs: limitMs }),
        req: {
          stream: false,
          service: method.parent,
          method,
          requestMethod: "POST",
          url: createMethodUrl(options.baseUrl, method),
          header: requestHeader(true, limitMs, header, false),
          contextValues: contextValues ?? createContextValues(),
          message,
        },
        next: async (request) => {
          const body = open(request)
          void body.send(encodeEnvelope(0, serialize(request.message))).then(() => body.halfClose())
          const response = await readResponse(body, parse)
          const answer = await onlyMessage(response.messages)
          return { ...request, stream: false, ...response, message: answer }
        },
      })
    },
    stream(method, signal, timeoutMs, header, input, contextValues) {
      const limitMs = timeoutOf(options, timeoutMs)
      const { serialize, parse } = createClientMethodSerializers(
        method,
        true,
        undefined,
        options.binaryOptions,
      )
      return runStreamingCall({
        ...(options.interceptors && { interceptors: options.interceptors }),
        ...(signal && { signal }),
        ...(limitMs !== undefined && { timeoutMs: limitMs }),
        req: {
          stream: true,
          service: method.parent,
          method,
          requestMethod: "POST",
          url: createMethodUrl(options.baseUrl, method),
          header: requestHeader(true, limitMs, header, false),
          contextValues: contextValues ?? createContextValues(),
          message: input,
        },
        next: async (request) => {
          const body = open(request)
          void sendAll(body, request.message, serialize)
          const response = await readResponse(body, parse)
          return { ...request, stream: true, ...response, message: response.messages }
        },
      })
    },
  }
}

type CallTarget = Pick<UnaryRequest, "url" | "header" | "signal">

function timeoutOf(options: WebSocketTransportOptions, timeoutMs: number | undefined): number | undefined {
  if (timeoutMs === undefined) return options.defaultTimeoutMs
  return timeoutMs <= 0 ? undefined : timeoutMs
}

function absolute(url: string): string {
  const page = (globalThis as { location?: { href: string } }).location?.href
  return new URL(url, page).href
}

/** Sends each message as it comes, until the caller or the call is done. */
async function sendAll<I extends DescMessage>(
  body: WebSocketBody,
  messages: AsyncIterable<MessageShape<I>>,
  serialize: (message: MessageShape<I>) => Uint8Array,
): Promise<void> {
  try {
    for await (const message of messages) {
      if (body.isOver) return
      await body.send(encodeEnvelope(0, serialize(message)))
    }
    await body.halfClose()
  } catch {
    // The caller's own generator failed, which cannot be told to the backend but by a cancellation.
    body.close()
  }
}

interface Response<M> {
  readonly header: Headers
  /** Filled in when the call ends. */
  readonly trailer: Headers
  readonly messages: AsyncIterable<M>
}

/** Waits for the initial metadata; the rest is read as the caller asks for it. Errors: `ConnectError`. */
async function readResponse<M>(body: WebSocketBody, parse: (data: Uint8Array) => M): Promise<Response<M>> {
  const reader = createEnvelopeReadableStream(body.response).getReader()
  const first = await reader.read()
  if (first.done || (first.value.flags & trailerFlag) === 0)
    throw new ConnectError("the connection ended before the call did", Code.Unavailable)
  const header = readTrailer(first.value.data)
  const trailer = new Headers()
  async function* messages(): AsyncGenerator<M> {
    try {
      for (;;) {
        const next = await reader.read()
        if (next.done) throw new ConnectError("the connection ended before the call did", Code.Unavailable)
        if ((next.value.flags & trailerFlag) === 0) {
          yield parse(next.value.data)
          continue
        }
        const fields = readTrailer(next.value.data)
        validateTrailer(fields, header)
        for (const [name, value] of fields) trailer.set(name, value)
        return
      }
    } finally {
      body.close()
    }
  }
  return { header, trailer, messages: messages() }
}

async function onlyMessage<M>(messages: AsyncIterable<M>): Promise<M> {
  const all: M[] = []
  for await (const message of messages) {
    all.push(message)
    if (all.length > 1)
      throw new ConnectError("a unary call was answered with more than one message", Code.Unimplemented)
  }
  if (all.length === 0)
    throw new ConnectError("a unary call was answered without a message", Code.Unimplemented)
  return all[0]!
}
