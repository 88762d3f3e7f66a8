import type { TcpSettings } from "../config/tcp-model.ts"
import { type ProxyEnds, proxyHeaderV1, proxyHeaderV2 } from "../net/proxy-protocol.ts"
import type { StreamRecord } from "../record/record.ts"

/** What an endpoint is sent first: who the client is, by the PROXY protocol; null: nothing. */
export function sentHeader(
  { connection, state }: Pick<StreamRecord, "connection" | "state">,
  { sendProxyProtocol }: TcpSettings,
): Buffer | null {
  if (sendProxyProtocol === "none") return null
  const ends: ProxyEnds = {
    source: state?.realClient?.address ?? connection.remoteAddress,
    sourcePort: state?.realClient?.port ?? connection.remotePort,
    destination: connection.localAddress,
    destinationPort: connection.localPort,
  }
  return sendProxyProtocol === "v1" ? proxyHeaderV1(ends) : proxyHeaderV2(ends)
}
