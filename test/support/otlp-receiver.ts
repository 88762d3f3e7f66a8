import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Server, ServerCredentials } from "@grpc/grpc-js"

/** A span, as a collector is told of it. */
export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly traceState: string
  readonly name: string
  /** 2: server, 3: client. */
  readonly kind: number
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Readonly<Record<string, string | number>>
  /** 2: error. */
  readonly statusCode: number
  /** Attributes of the service that sent it. */
  readonly resource: Readonly<Record<string, string | number>>
}

/** A collector of OpenTelemetry, on real sockets: what was sent to it by OTLP. */
export interface OtlpReceiver {
  /** As `tracing.endpoint` has it. */
  readonly endpoint: string
  readonly spans: ReceivedSpan[]
  /** The headers of the last request. */
  readonly headers: Record<string, string>
  /** What it answers over HTTP from now on. */
  answer(status: number): void
  close(): Promise<void>
}

/** Over HTTP, in protobuf. */
export async function receiveOverHttp(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const headers: Record<string, string> = {}
  let status = 200
  const server = createServer((request, response) => {
    const body: Buffer[] = []
    request.on("data", (octets: Buffer) => body.push(octets))
    request.on("end", () => {
      Object.assign(headers, request.headers)
      if (status === 200 && request.url === "/v1/traces") spans.push(...readRequest(Buffer.concat(body)))
      response.writeHead(request.url === "/v1/traces" ? status : 404).end()
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    headers,
    answer: (next) => {
      status = next
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

/** Over gRPC. */
export async function receiveOverGrpc(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const headers: Record<string, string> = {}
  const raw = (octets: Buffer) => octets
  const server = new Server()
  const definition = {
    path: PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  }
  server.addService(
    { Export: definition },
    {
      Export: (
        call: { request: Buffer; metadata: { getMap(): Record<string, unknown> } },
        done: (error: null, answer: Buffer) => void,
      ) => {
        Object.assign(headers, call.metadata.getMap())
        spans.push(...readRequest(call.request))
        done(null, Buffer.alloc(0))
      },
    },
  )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  return {
    endpoint: `grpc://127.0.0.1:${port}`,
    spans,
    headers,
    answer: () => {},
    close: async () => server.forceShutdown(),
  }
}

// ---- opentelemetry/proto/collector/trace/v1 -----------------------------------------------------------------------

/** ExportTraceServiceRequest. */
function readRequest(octets: Buffer): ReceivedSpan[] {
  return messages(octets, 1).flatMap((resourceSpans) => {
    const resource = readAttributes(messages(resourceSpans, 1)[0] ?? Buffer.alloc(0), 1)
    return messages(resourceSpans, 2).flatMap((scopeSpans) =>
      messages(scopeSpans, 2).map((span) => ({ ...readSpan(span), resource })),
    )
  })
}

function readSpan(span: Buffer): Omit<ReceivedSpan, "resource"> {
  const hex = (number: number) => messages(span, number)[0]?.toString("hex") ?? ""
  const text = (number: number) => messages(span, number)[0]?.toString() ?? ""
  const timeMs = (number: number) =>
    Number(fieldsOf(span).find((one) => one.number === number)!.value / 1_000_000n)
  const status = messages(span, 15)[0] ?? Buffer.alloc(0)
  return {
    traceId: hex(1),
    spanId: hex(2),
    traceState: text(3),
    parentSpanId: hex(4),
    name: text(5),
    kind: numberOf(span, 6),
    startMs: timeMs(7),
    endMs: timeMs(8),
    attributes: readAttributes(span, 9),
    statusCode: numberOf(status, 3),
  }
}

function readAttributes(octets: Buffer, number: number): Record<string, string | number> {
  return Object.fromEntries(
    messages(octets, number).map((pair) => {
      const [key] = messages(pair, 1)
      const value = messages(pair, 2)[0]!
      const [text] = messages(value, 1)
      return [key!.toString(), text === undefined ? numberOf(value, 3) : text.toString()]
    }),
  )
}

interface WireField {
  readonly number: number
  readonly octets: Buffer
  readonly value: bigint
}

function messages(octets: Buffer, number: number): Buffer[] {
  return fieldsOf(octets)
    .filter((field) => field.number === number)
    .map((field) => field.octets)
}

function numberOf(octets: Buffer, number: number): number {
  return Number(fieldsOf(octets).find((field) => field.number === number)?.value ?? 0n)
}

function fieldsOf(octets: Buffer): WireField[] {
  const fields: WireField[] = []
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const octet = octets[at++]!
      value |= BigInt(octet & 0x7f) << shift
      if (octet < 0x80) return value
    }
  }
  while (at < octets.length) {
    const tag = Number(varint())
    const [number, wire] = [tag >> 3, tag & 7]
    let value = 0n
    let end = at
    if (wire === 0) value = varint()
    else if (wire === 1) {
      value = octets.readBigUInt64LE(at)
      end = at + 8
    } else if (wire === 5) end = at + 4
    else {
      const length = Number(varint())
      end = at + length
    }
    fields.push({ number, octets: wire === 2 ? octets.subarray(at, end) : Buffer.alloc(0), value })
    if (wire !== 0) at = end
  }
  return fields
}
