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
  createMethodUrl,
  encodeEnvelope,
  runStreamingCall,
  runUnaryCall,
} from "@connectrpc/connect/protocol"
import { requestHeader, trailerFlag, validateTrailer } from "@connectrpc/connect/protocol-grpc-web"
import { ContinuedCall, type WebContinuity } from "./continued-call.ts"
import { readTrailer } from "./trailer.ts"
import { WebSocketBody, type WebSocketFactory } from "./web-socket-body.ts"

export interface WebSocketTransportOptions {
  /**
   * Where Sluice is, for instance `https://chat.example` or `/`, the page's own host. `/Service/Method` is added. Of several, a
   * call begins at the one that served last, and the next is asked where that does not answer.
   */
  baseUrl: string | readonly [string, ...string[]]
  /** Streams go on with another Sluice when theirs is lost, or its backend is. Default: they end with it. */
  continuity?: WebContinuity
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
  const [baseUrl, ...others] = [options.baseUrl].flat() as [string, ...string[]]
  const baseUrls = [baseUrl, ...others]
  /** Which of them is asked first. */
  let present = 0
  const open = (request: CallTarget, header = request.header, at = present): WebSocketBody => {
    const base = baseUrls[at % baseUrls.length]!
    const url = absolute(base + request.url.slice(baseUrl.length))
    return new WebSocketBody(url, header, request.signal, makeSocket)
  }
  const openStream = (request: CallTarget, timeoutMs: number | undefined): CallBody => {
    if (options.continuity === undefined) return open(request)
    const first = present
    const openLeg = (leg: number, header: Headers): WebSocketBody => {
      present = (first + leg) % baseUrls.length
      return open(request, header, present)
    }
    return new ContinuedCall(openLeg, request.header, request.signal, timeoutMs, options.continuity)
  }
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
          url: createMethodUrl(baseUrl, method),
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
          url: createMethodUrl(baseUrl, method),
          header: requestHeader(true, limitMs, header, false),
          contextValues: contextValues ?? createContextValues(),
          message: input,
        },
        next: async (request) => {
          const body = openStream(request, limitMs)
          void sendAll(body, request.message, serialize)
          const response = await readResponse(body, parse)
          return { ...request, stream: true, ...response, message: response.messages }
        },
      })
    },
  }
}

/** One call's messages out, and frames in. */
type CallBody = Pick<WebSocketBody, "isOver" | "send" | "halfClose" | "close" | "frames">

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
  body: CallBody,
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
async function readResponse<M>(body: CallBody, parse: (data: Uint8Array) => M): Promise<Response<M>> {
  const frames = body.frames()
  const first = await frames.next()
  if (first.done || (first.value.flags & trailerFlag) === 0)
    throw new ConnectError("the connection ended before the call did", Code.Unavailable)
  const header = readTrailer(first.value.data)
  const trailer = new Headers()
  async function* messages(): AsyncGenerator<M> {
    try {
      for (;;) {
        const next = await frames.next()
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
