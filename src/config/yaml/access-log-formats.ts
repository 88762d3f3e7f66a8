import type { AccessLogConfig } from "../model.ts"

type Format = Pick<AccessLogConfig, "template" | "escape">

const combined =
  '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'

/** The formats with a name. `combined` is nginx's own, `main` that of its stock configuration. */
export const accessLogFormats = {
  main: { template: `${combined} "$http_x_forwarded_for"`, escape: "default" },
  combined: { template: combined, escape: "default" },
  /** What a gRPC stream is known by: its status, its messages both ways, its upstream. */
  grpc: {
    template:
      '$remote_addr [$time_iso8601] "$uri" $status $grpc_status "$grpc_message" $request_time $grpc_messages_received/$grpc_messages_sent $request_length/$bytes_sent $upstream_addr $stream_event',
    escape: "default",
  },
  /** What a TCP session is known by. */
  tcp: {
    template:
      "$remote_addr [$time_iso8601] $protocol $status $bytes_received/$bytes_sent $session_time $upstream_addr",
    escape: "default",
  },
  json: {
    template:
      '{"time":"$time_iso8601","event":"$stream_event","requestId":"$request_id","remoteAddr":"$remote_addr","host":"$host","method":"$request_method","path":"$request_uri","status":"$status","grpcStatus":"$grpc_status","grpcMessage":"$grpc_message","seconds":"$request_time","messagesReceived":"$grpc_messages_received","messagesSent":"$grpc_messages_sent","upstream":"$upstream_addr","userAgent":"$http_user_agent"}',
    escape: "json",
  },
} as const satisfies Record<string, Format>

export type AccessLogFormat = keyof typeof accessLogFormats
export const accessLogFormatNames = Object.keys(accessLogFormats) as AccessLogFormat[]

/** The name of a template, or undefined when it has none. */
export function accessLogFormatOf(template: string): AccessLogFormat | undefined {
  return accessLogFormatNames.find((name) => accessLogFormats[name].template === template)
}
