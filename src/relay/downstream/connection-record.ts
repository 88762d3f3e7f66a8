import { isIPv4, type Socket } from "node:net"
import type { ListenerConfig } from "../../config/model.ts"
import type { ConnectionRecord, TcpFacts, TlsInfo } from "../../record/record.ts"
import type { PassedClient } from "./passed-client.ts"

/** @param tls null: none, or not yet */
export function connectionRecord(
  id: number,
  openedMs: number,
  { host, port, unixPath }: ListenerConfig,
  socket: Socket,
  tls: TlsInfo | null,
  tcp: TcpFacts | null = null,
  passed?: Pick<PassedClient, "remote" | "local" | "proxied">,
): ConnectionRecord {
  // To ask the kernel is a system call for each connection; a listener of one address and port knows.
  const isKnown = host !== null && isIPv4(host) && host !== "0.0.0.0" && port !== null && port !== 0
  return {
    id,
    remoteAddress: passed?.remote.address ?? socket.remoteAddress ?? "unix:",
    remotePort: passed?.remote.port ?? socket.remotePort ?? 0,
    localAddress:
      passed?.local.address ??
      (isKnown ? host : unixPath === null ? (socket.localAddress ?? "") : `unix:${unixPath}`),
    localPort: passed?.local.port ?? (isKnown ? port : (socket.localPort ?? 0)),
    protocol: tcp === null ? "HTTP/2.0" : "TCP",
    tls,
    tcp,
    proxied: tls?.proxied ?? passed?.proxied ?? null,
    requests: 0,
    openedMs,
    cutCalls: 0,
    cutCallsMs: 0,
  }
}
