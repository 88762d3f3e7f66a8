import type { GatewayAddress } from "../../config/gateway/translate.ts"

interface ServiceStatus {
  loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] | null }
}

/** Where a Service of type LoadBalancer is reached, as its status says. */
export function publishedAddresses(status: unknown): GatewayAddress[] {
  const { loadBalancer } = (status ?? {}) as ServiceStatus
  return (loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }): GatewayAddress[] => {
    if (ip !== undefined) return [{ type: "IPAddress", value: ip }]
    return hostname === undefined ? [] : [{ type: "Hostname", value: hostname }]
  })
}
