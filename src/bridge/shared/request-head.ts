import { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"

/** Fields that concern the client's protocol, its body or the browser, and mean nothing to a gRPC backend. */
const OF_THE_CLIENT = new Set([
  ...["content-type", "content-length", "content-encoding", "te", "trailer", "host"],
  ...["accept", "accept-encoding", "x-grpc-web", "grpc-encoding", "grpc-accept-encoding", "grpc-timeout"],
  ...[
    "connect-protocol-version",
    "connect-timeout-ms",
    "connect-content-encoding",
    "connect-accept-encoding",
  ],
  ...["sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol"],
])

/**
 * The head of the gRPC request that a bridged call becomes. All that is metadata goes along; `carriage` says the
 * content type and whatever else describes the messages.
 */
export function grpcRequestHead(from: RequestHead, path: string, carriage: readonly string[]): RequestHead {
  const fields = [":method", "POST", ":scheme", from.scheme, ":path", path]
  if (from.authority !== "") fields.push(":authority", from.authority)
  fields.push("te", "trailers", ...carriage)
  const said = new Set(carriage.filter((_, i) => i % 2 === 0))
  const { list } = from
  const neverIndexed = new Set<number>()
  for (let i = 0; i < list.fields.length; i += 2) {
    const name = list.fields[i]!
    if (name.startsWith(":") || OF_THE_CLIENT.has(name) || said.has(name)) continue
    if (list.neverIndexed?.has(i / 2) === true) neverIndexed.add(fields.length / 2)
    fields.push(name, list.fields[i + 1]!)
  }
  const head = new HeaderList(fields, neverIndexed.size > 0 ? neverIndexed : null)
  return {
    list: head,
    method: "POST",
    scheme: from.scheme,
    authority: from.authority,
    path,
    contentLength: -1,
  }
}
