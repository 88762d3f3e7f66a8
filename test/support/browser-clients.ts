import type { DescMethod } from "@bufbuild/protobuf"
import { Code, ConnectError, type Transport } from "@connectrpc/connect"
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web"
import improbable from "@improbable-eng/grpc-web"
import google from "grpc-web"
import {
  ClientError,
  createChannel,
  createClient,
  FetchTransport,
  Metadata,
  WebsocketTransport,
} from "nice-grpc-web"
// @ts-expect-error: it has no types.
import xhr2 from "xhr2"
import { createWebSocketTransport } from "../../src/web/index.ts"
import { readWord, talkMethod, type Word, word, wordOctets } from "./talk-backend.ts"

export interface TalkOptions {
  metadata?: Record<string, string>
  signal?: AbortSignal
  /** Called with each word as it comes. */
  onWord?: (said: Word) => void
}

/** How a call went: what came, and the status. */
export interface Outcome {
  words: Word[]
  code: number
  message: string
  /** Values by name, as far as the client shows them. */
  header: Record<string, string>
  trailer: Record<string, string>
}

export type Kind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming"

/** A client that pages use, driven in Node. */
export interface BrowserClient {
  name: string
  /** The calls it can make. */
  kinds: Kind[]
  /** Tells trailers of calls that went well. */
  showsTrailers: boolean
  /** Words that come while the call is on are shown at once, not at its end. */
  isIncremental: boolean
  /** Never rejects. */
  call(
    port: number,
    method: string,
    words: Iterable<Word> | AsyncIterable<Word>,
    options?: TalkOptions,
  ): Promise<Outcome>
}

const ALL: Kind[] = ["unary", "server_streaming", "client_streaming", "bidi_streaming"]
const HALF: Kind[] = ["unary", "server_streaming"]

const outcome = (): Outcome => ({ words: [], code: 0, message: "", header: {}, trailer: {} })

// ---- Connect-ES ---------------------------------------------------------------------------------------------------

function connect(name: string, kinds: Kind[], transportTo: (baseUrl: string) => Transport): BrowserClient {
  return {
    name,
    kinds,
    showsTrailers: true,
    isIncremental: true,
    async call(port, method, words, { metadata, signal, onWord } = {}) {
      const result = outcome()
      const transport = transportTo(`http://127.0.0.1:${port}`)
      const desc = talkMethod(method)
      try {
        if (desc.methodKind === "unary") {
          for await (const one of words) {
            const response = await transport.unary(desc as never, signal, undefined, metadata, one as never)
            result.words.push(response.message as never)
            result.header = Object.fromEntries(response.header)
            result.trailer = Object.fromEntries(response.trailer)
          }
          return result
        }
        const input = (async function* () {
          yield* words
        })()
        const response = await transport.stream(desc as never, signal, undefined, metadata, input as never)
        result.header = Object.fromEntries(response.header)
        for await (const said of response.message) {
          result.words.push(said as never)
          onWord?.(said as never)
        }
        result.trailer = Object.fromEntries(response.trailer)
      } catch (error) {
        const { code, rawMessage, metadata: all } = ConnectError.from(error)
        Object.assign(result, { code, message: rawMessage, trailer: Object.fromEntries(all) })
      }
      return result
    },
  }
}

// ---- @improbable-eng/grpc-web -------------------------------------------------------------------------------------

// It looks for the browser's name of the global object.
Object.assign(globalThis, { self: globalThis })
const { grpc } = improbable

/** A message class as google-protobuf generates them: all that this client knows of a message. */
class WordMessage {
  readonly value: Word
  constructor(value: Word) {
    this.value = value
  }
  serializeBinary(): Uint8Array {
    return wordOctets(this.value)
  }
  toObject(): object {
    return {}
  }
  static deserializeBinary(octets: Uint8Array): WordMessage {
    return new WordMessage(readWord(octets))
  }
}

function fromImprobable(
  name: string,
  kinds: Kind[],
  transport: improbable.grpc.TransportFactory,
): BrowserClient {
  return {
    name,
    kinds,
    showsTrailers: true,
    isIncremental: true,
    call(port, method, words, { metadata, signal, onWord } = {}) {
      const { methodKind } = talkMethod(method)
      const definition = {
        methodName: method,
        service: { serviceName: "talk.Talk" },
        requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
        responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
        requestType: WordMessage,
        responseType: WordMessage,
      }
      const result = outcome()
      return new Promise((resolve) => {
        const client = grpc.client(definition as never, { host: `http://127.0.0.1:${port}`, transport })
        client.onHeaders((headers) => Object.assign(result.header, flat(headers)))
        client.onMessage((message) => {
          const { value } = message as unknown as WordMessage
          result.words.push(value)
          onWord?.(value)
        })
        client.onEnd((code, message, trailers) =>
          resolve({ ...result, code, message, trailer: flat(trailers) }),
        )
        signal?.addEventListener("abort", () => {
          client.close()
          resolve({ ...result, code: Code.Canceled })
        })
        client.start(metadata)
        void (async () => {
          for await (const one of words) client.send(new WordMessage(one) as never)
          client.finishSend()
        })()
      })
    },
  }
}

function flat(metadata: improbable.grpc.Metadata): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata.headersMap).map(([name, values]) => [name, values.join(", ")]),
  )
}

// ---- nice-grpc-web ------------------------------------------------------------------------------------------------

function fromNice(name: string, kinds: Kind[], transport: ReturnType<typeof FetchTransport>): BrowserClient {
  return {
    name,
    kinds,
    showsTrailers: true,
    isIncremental: true,
    async call(port, method, words, { metadata, signal, onWord } = {}) {
      const result = outcome()
      const definition = { [method]: niceDefinition(talkMethod(method)) }
      const client = createClient(
        definition as never,
        createChannel(`http://127.0.0.1:${port}`, transport),
      ) as never as Record<string, (input: unknown, options: object) => AsyncIterable<Word> & Promise<Word>>
      const { methodKind } = talkMethod(method)
      const options = {
        metadata: Metadata(metadata),
        ...(signal !== undefined && { signal }),
        onHeader: (header: Metadata) => (result.header = shown(header)),
        onTrailer: (trailer: Metadata) => (result.trailer = shown(trailer)),
      }
      try {
        const streamsIn = methodKind === "client_streaming" || methodKind === "bidi_streaming"
        const input = streamsIn ? toAsync(words) : await onlyOne(words)
        const answer = client[method]!(input, options)
        if (methodKind === "unary" || methodKind === "client_streaming") result.words.push(await answer)
        else
          for await (const said of answer) {
            result.words.push(said)
            onWord?.(said)
          }
      } catch (error) {
        if (error instanceof ClientError) Object.assign(result, { code: error.code, message: error.details })
        else Object.assign(result, { code: Code.Canceled, message: String(error) })
      }
      return result
    },
  }
}

function niceDefinition(method: DescMethod) {
  const { methodKind } = method
  return {
    path: `/talk.Talk/${method.name}`,
    requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
    requestSerialize: wordOctets,
    requestDeserialize: readWord,
    responseSerialize: wordOctets,
    responseDeserialize: readWord,
    options: {},
  }
}

function shown(metadata: Metadata): Record<string, string> {
  const all: Record<string, string> = {}
  for (const [name] of metadata) all[name] = metadata.getAll(name).map(String).join(", ")
  return all
}

async function* toAsync(words: Iterable<Word> | AsyncIterable<Word>): AsyncGenerator<Word> {
  yield* words
}

async function onlyOne(words: Iterable<Word> | AsyncIterable<Word>): Promise<Word> {
  for await (const one of words) return one
  return word({})
}

// ---- grpc-web, Google's -------------------------------------------------------------------------------------------

function fromGoogle(format: "text" | "binary"): BrowserClient {
  return {
    name: `grpc-web, ${format}`,
    kinds: HALF,
    // It tells of them by an event that a promise of a unary call has no room for.
    showsTrailers: true,
    // Of the text format it is in a browser, but not on the XMLHttpRequest there is for Node.
    isIncremental: false,
    async call(port, method, words, { metadata = {}, signal, onWord } = {}) {
      Object.assign(globalThis, { XMLHttpRequest: xhr2 })
      const client = new google.GrpcWebClientBase({ format } as never)
      const isUnary = talkMethod(method).methodKind === "unary"
      const descriptor = new google.MethodDescriptor(
        `/talk.Talk/${method}`,
        (isUnary ? "unary" : "server_streaming") as never,
        Object as never,
        Object as never,
        (request: Word) => wordOctets(request) as never,
        (octets: Uint8Array) => readWord(octets),
      )
      const url = `http://127.0.0.1:${port}/talk.Talk/${method}`
      const request = await onlyOne(words)
      const result = outcome()
      return new Promise((resolve) => {
        const onData = (said: Word): void => {
          result.words.push(said)
          onWord?.(said)
        }
        const failed = (
          error: { code: number; message: string; metadata?: Record<string, string> } | null,
        ): void => {
          if (error === null) return
          const { code, message, metadata: trailer = {} } = error
          resolve({ ...result, code, message, trailer })
        }
        const stream = isUnary
          ? client.rpcCall(url, request, metadata, descriptor, (error, said) => {
              failed(error as never)
              if (error === null) onData(said as Word)
            })
          : client.serverStreaming(url, request, metadata, descriptor)
        stream.on("metadata", (header) => (result.header = header))
        stream.on("status", ({ code, details, metadata: trailer }) => {
          Object.assign(result, { code, message: details, trailer: trailer ?? {} })
        })
        stream.on("end", () => queueMicrotask(() => resolve(result)))
        if (!isUnary) {
          stream.on("data", onData as never)
          stream.on("error", failed as never)
        }
        signal?.addEventListener("abort", () => {
          stream.cancel()
          resolve({ ...result, code: Code.Canceled })
        })
      })
    },
  }
}

export const browserClients: BrowserClient[] = [
  connect("connect-web, gRPC-Web", HALF, (baseUrl) => createGrpcWebTransport({ baseUrl })),
  connect("connect-web, Connect in binary", HALF, (baseUrl) =>
    createConnectTransport({ baseUrl, useBinaryFormat: true }),
  ),
  connect("connect-web, Connect in JSON", HALF, (baseUrl) => createConnectTransport({ baseUrl })),
  connect("sluice/web", ALL, (baseUrl) => createWebSocketTransport({ baseUrl })),
  fromImprobable("@improbable-eng/grpc-web, fetch", HALF, grpc.FetchReadableStreamTransport({})),
  fromImprobable("@improbable-eng/grpc-web, WebSocket", ALL, grpc.WebsocketTransport()),
  fromNice("nice-grpc-web, fetch", HALF, FetchTransport()),
  fromNice("nice-grpc-web, WebSocket", ALL, WebsocketTransport()),
  fromGoogle("text"),
  fromGoogle("binary"),
]
