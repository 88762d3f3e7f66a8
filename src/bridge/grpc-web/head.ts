import type { RequestHead } from "../../http2/message-head.ts"
import { grpcRequestHead } from "../shared/request-head.ts"

export const WEB = "application/grpc-web"
export const WEB_TEXT = "application/grpc-web-text"

/** True for `application/grpc-web` and `application/grpc-web-text`, with or without `+proto` and parameters. */
export function isGrpcWeb(contentType: string): boolean {
  return /^application\/grpc-web(?:-text)?(?:$|[+; ])/i.test(contentType)
}

/** The gRPC request that a gRPC-Web one stands for. */
export function grpcWebHead(from: RequestHead, path: string): RequestHead {
  const contentType = (from.list.get("content-type") ?? WEB).replace(
    /^application\/grpc-web(?:-text)?/i,
    "application/grpc",
  )
  const kept = ["grpc-timeout", "grpc-encoding", "grpc-accept-encoding"].flatMap((name) => {
    const value = from.list.get(name)
    return value === undefined ? [] : [name, value]
  })
  return grpcRequestHead(from, path, ["content-type", contentType, ...kept])
}
