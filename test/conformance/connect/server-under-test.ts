/**
 * A conformance server as connectrpc's runner wants it, made of its reference server and a balancer in front.
 *
 *     node server-under-test.ts THROUGH PROTOCOL REFERENCE-SERVER [DESCRIPTOR-SET]
 *
 * Protocol: one ServerCompatRequest on standard input, one ServerCompatResponse on standard output, each with a
 * four-octet big-endian length before it; then it serves until SIGTERM.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import type { Readable } from "node:stream"
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import type { Through } from "../result.ts"
import { startFront } from "../through.ts"
import type { ClientProtocol } from "./suite.ts"

/** Directives that switch on what the client speaks, where it is not gRPC already. */
const bridgeDirectives: Record<ClientProtocol, string[]> = {
  grpc: [],
  "grpc-web": ["grpc_web on;"],
  connect: ["grpc_connect on;"],
}

/** Field numbers of connectrpc.conformance.v1.ServerCompatRequest, and the values that mean gRPC over HTTP/2. */
const request = { protocol: 1, httpVersion: 2, grpc: 2, http2: 2 }
const response = { host: 1, port: 2 }

type Arguments = [through: Through, protocol: ClientProtocol, referenceServer: string, descriptorSet?: string]
const [through, protocol, referenceServer, descriptorSet] = process.argv.slice(2) as Arguments
await serve()

async function serve(): Promise<void> {
  const asked = await readMessage(process.stdin)
  const backend = spawn(referenceServer, { stdio: ["pipe", "pipe", "inherit"] })
  // `none` leaves the reference server to speak the client's protocol itself.
  backend.stdin.write(framed(through === "none" ? asked : askedAsGrpc(asked)))
  const answer = await readMessage(backend.stdout)
  const front = await startFront(through, [{ path: "/", port: portOf(answer) }], {
    locationDirectives: [
      ...bridgeDirectives[protocol],
      ...(descriptorSet === undefined ? [] : [`grpc_descriptor_set ${descriptorSet};`]),
    ],
  })
  const stopped = Promise.race([once(process, "SIGTERM"), once(process, "SIGINT"), once(backend, "exit")])
  process.stdout.write(framed(answerAt(front.portFor("/"))))
  await stopped
  await front.stop()
  backend.kill("SIGTERM")
  process.exit()
}

/** Reads one message with its length before it. */
async function readMessage(stream: Readable): Promise<Uint8Array> {
  let octets = Buffer.alloc(0)
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    octets = Buffer.concat([octets, chunk as Buffer])
    if (octets.length >= 4 && octets.length >= 4 + octets.readUInt32BE(0)) {
      return octets.subarray(4, 4 + octets.readUInt32BE(0))
    }
  }
  throw new Error("the stream ended before a whole message")
}

function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(message.length)
  return Buffer.concat([head, message])
}

/** The same request, but for a backend that speaks gRPC over HTTP/2. A later value of a field replaces an earlier one. */
function askedAsGrpc(message: Uint8Array): Uint8Array {
  const override = new BinaryWriter()
    .tag(request.protocol, WireType.Varint)
    .int32(request.grpc)
    .tag(request.httpVersion, WireType.Varint)
    .int32(request.http2)
    .finish()
  return Buffer.concat([message, override])
}

function portOf(message: Uint8Array): number {
  const reader = new BinaryReader(message)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === response.port) return reader.uint32()
    reader.skip(wireType)
  }
  throw new Error("the reference server named no port")
}

function answerAt(port: number): Uint8Array {
  return new BinaryWriter()
    .tag(response.host, WireType.LengthDelimited)
    .string("127.0.0.1")
    .tag(response.port, WireType.Varint)
    .uint32(port)
    .finish()
}
