import assert from "node:assert/strict"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import {
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
  type StatusObject,
  status,
} from "@grpc/grpc-js"
import { loadSync } from "@grpc/proto-loader"

/**
 * gRPC's standard interop cases on @grpc/grpc-js. Source: the interop test descriptions in the grpc repository; the
 * sizes are theirs.
 */
const requestSizes = [27182, 8, 1828, 45904]
const responseSizes = [31415, 9, 2653, 58979]
const largeRequestSize = 271828
const largeResponseSize = 314159
const caseTimeoutMs = 20_000

interface Payload {
  body: Buffer
}
interface EchoStatus {
  code: number
  message: string
}
interface SimpleRequest {
  response_size?: number
  payload?: Payload
  response_status?: EchoStatus
}
interface SimpleResponse {
  payload: Payload | null
}
interface OutputRequest {
  response_parameters?: { size: number }[]
  payload?: Payload
  response_status?: EchoStatus
}
type Callback<T> = (error: ServiceError | null, answer?: T) => void
type CallOptions = { deadline: number }
type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: CallOptions,
  callback: Callback<Response>,
) => ClientUnaryCall

interface TestService {
  EmptyCall: Unary<object, object>
  UnaryCall: Unary<SimpleRequest, SimpleResponse>
  UnimplementedCall: Unary<object, object>
  StreamingInputCall(
    metadata: Metadata,
    options: CallOptions,
    callback: Callback<{ aggregated_payload_size: number }>,
  ): ClientWritableStream<{ payload: Payload }>
  StreamingOutputCall(
    request: OutputRequest,
    metadata: Metadata,
    options: CallOptions,
  ): ClientReadableStream<SimpleResponse>
  FullDuplexCall(metadata: Metadata, options: CallOptions): ClientDuplexStream<OutputRequest, SimpleResponse>
}

interface UnimplementedService {
  UnimplementedCall: Unary<object, object>
}

export interface InteropClient {
  test: TestService
  unimplemented: UnimplementedService
  close: () => void
}

export interface InteropCase {
  name: string
  /** Rejects when the case fails. */
  run: (client: InteropClient) => Promise<void>
}

const services = loadServices()

/** A channel of its own, so that no case sees what another left behind. */
export function openClient(port: number): InteropClient {
  const open = (Service: ServiceClientConstructor) =>
    new Service(`127.0.0.1:${port}`, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 })
  const test = open(services.TestService)
  const unimplemented = open(services.UnimplementedService)
  return {
    test: test as Client as unknown as Client & TestService,
    unimplemented: unimplemented as Client as unknown as Client & UnimplementedService,
    close() {
      test.close()
      unimplemented.close()
    },
  }
}

export const cases: InteropCase[] = [
  {
    name: "empty_unary",
    async run({ test }) {
      const { answer } = await unary((...rest) => test.EmptyCall({}, ...rest))
      assert.deepEqual(answer, {})
    },
  },
  {
    name: "large_unary",
    async run({ test }) {
      const request = { response_size: largeResponseSize, payload: payload(largeRequestSize) }
      const { answer } = await unary<SimpleResponse>((...rest) => test.UnaryCall(request, ...rest))
      assert.equal(size(answer), largeResponseSize)
    },
  },
  {
    name: "client_streaming",
    async run({ test }) {
      const { answer } = await unary<{ aggregated_payload_size: number }>((...rest) => {
        const call = test.StreamingInputCall(...rest)
        for (const octets of requestSizes) call.write({ payload: payload(octets) })
        call.end()
        return call
      })
      assert.equal(
        answer.aggregated_payload_size,
        requestSizes.reduce((sum, octets) => sum + octets),
      )
    },
  },
  {
    name: "server_streaming",
    async run({ test }) {
      const request = { response_parameters: responseSizes.map((size) => ({ size })) }
      const call = test.StreamingOutputCall(request, new Metadata(), options())
      assert.deepEqual((await collect(call)).map(size), responseSizes)
    },
  },
  {
    name: "ping_pong",
    async run({ test }) {
      const call = test.FullDuplexCall(new Metadata(), options())
      const answers = call[Symbol.asyncIterator]()
      for (const [index, octets] of requestSizes.entries()) {
        call.write(outputRequest(responseSizes[index] ?? 0, octets))
        assert.equal(size((await answers.next()).value), responseSizes[index])
      }
      call.end()
      assert.equal((await answers.next()).done, true)
    },
  },
  {
    name: "empty_stream",
    async run({ test }) {
      const call = test.FullDuplexCall(new Metadata(), options())
      call.end()
      assert.deepEqual(await collect(call), [])
    },
  },
  {
    name: "timeout_on_sleeping_server",
    async run({ test }) {
      const call = test.FullDuplexCall(new Metadata(), options(1))
      call.write({ payload: payload(27182) })
      await endsWith(status.DEADLINE_EXCEEDED, collect(call))
    },
  },
  {
    name: "cancel_after_begin",
    async run({ test }) {
      await endsWith(
        status.CANCELLED,
        unary((...rest) => {
          const call = test.StreamingInputCall(...rest)
          setImmediate(() => call.cancel())
          return call
        }),
      )
    },
  },
  {
    name: "cancel_after_first_response",
    async run({ test }) {
      const call = test.FullDuplexCall(new Metadata(), options())
      call.write(outputRequest(31415, 27182))
      const answers = call[Symbol.asyncIterator]()
      assert.equal(size((await answers.next()).value), 31415)
      call.cancel()
      await endsWith(status.CANCELLED, answers.next())
    },
  },
  {
    name: "status_code_and_message",
    async run({ test }) {
      const response_status = { code: status.UNKNOWN, message: "test status message" }
      const call = unary((...rest) => test.UnaryCall({ response_status }, ...rest))
      await endsWith(status.UNKNOWN, call, response_status.message)
      const stream = test.FullDuplexCall(new Metadata(), options())
      stream.end({ response_status })
      await endsWith(status.UNKNOWN, collect(stream), response_status.message)
    },
  },
  {
    name: "special_status_message",
    async run({ test }) {
      const message = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n"
      const response_status = { code: status.UNKNOWN, message }
      const call = unary((...rest) => test.UnaryCall({ response_status }, ...rest))
      await endsWith(status.UNKNOWN, call, message)
    },
  },
  {
    name: "custom_metadata",
    async run({ test }) {
      const request = { response_size: 1, payload: payload(1) }
      const answered = await unary((_, ...rest) => test.UnaryCall(request, echoMetadata(), ...rest))
      assertEchoed(answered.initial, answered.trailing)

      const call = test.FullDuplexCall(echoMetadata(), options())
      const initial = once(call, "metadata") as Promise<[Metadata]>
      const ended = once(call, "status") as Promise<[StatusObject]>
      call.end(outputRequest(1, 1))
      assert.deepEqual((await collect(call)).map(size), [1])
      assertEchoed((await initial)[0], (await ended)[0].metadata)
    },
  },
  {
    name: "unimplemented_method",
    async run({ test }) {
      await endsWith(
        status.UNIMPLEMENTED,
        unary((...rest) => test.UnimplementedCall({}, ...rest)),
      )
    },
  },
  {
    name: "unimplemented_service",
    async run({ unimplemented }) {
      await endsWith(
        status.UNIMPLEMENTED,
        unary((...rest) => unimplemented.UnimplementedCall({}, ...rest)),
      )
    },
  },
]

function payload(octets: number): Payload {
  return { body: Buffer.alloc(octets) }
}

async function collect<T>(answers: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const answer of answers) all.push(answer)
  return all
}

function size(answer: SimpleResponse | undefined): number | undefined {
  return answer?.payload?.body.length
}

function outputRequest(responseOctets: number, requestOctets: number): OutputRequest {
  return { response_parameters: [{ size: responseOctets }], payload: payload(requestOctets) }
}

function options(timeoutMs = caseTimeoutMs): CallOptions {
  return { deadline: Date.now() + timeoutMs }
}

interface Answered<T> {
  answer: T
  initial: Metadata
  trailing: Metadata
}

/** Makes a call with one answer and waits for it and for all of its metadata. */
async function unary<T>(
  begin: (
    metadata: Metadata,
    options: CallOptions,
    callback: Callback<T>,
  ) => ClientUnaryCall | ClientWritableStream<never>,
): Promise<Answered<T>> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const call = begin(new Metadata(), options(), (error, answer) => {
    if (error !== null) reject(error)
    else resolve(answer as T)
  })
  let initial = new Metadata()
  call.on("metadata", (metadata: Metadata) => {
    initial = metadata
  })
  const ended = once(call, "status") as Promise<[StatusObject]>
  const answer = await promise
  return { answer, initial, trailing: (await ended)[0].metadata }
}

async function endsWith(code: status, call: Promise<unknown>, message?: string): Promise<void> {
  const error = await call.then(
    () => assert.fail(`the call ended with OK, not ${status[code]}`),
    (reason: ServiceError) => reason,
  )
  assert.equal(status[error.code], status[code], error.message)
  if (message !== undefined) assert.equal(error.details, message)
}

const initialKey = "x-grpc-test-echo-initial"
const trailingKey = "x-grpc-test-echo-trailing-bin"

function echoMetadata(): Metadata {
  const metadata = new Metadata()
  metadata.set(initialKey, "test_initial_metadata_value")
  metadata.set(trailingKey, Buffer.from("ababab", "hex"))
  return metadata
}

function assertEchoed(initial: Metadata, trailing: Metadata): void {
  const sent = echoMetadata()
  assert.deepEqual(initial.get(initialKey), sent.get(initialKey))
  assert.deepEqual(trailing.get(trailingKey), sent.get(trailingKey))
}

function loadServices() {
  const file = fileURLToPath(new URL("./test.proto", import.meta.url))
  const root = loadPackageDefinition(loadSync(file, { keepCase: true, defaults: true })) as unknown as {
    grpc: { testing: Record<"TestService" | "UnimplementedService", ServiceClientConstructor> }
  }
  return root.grpc.testing
}
