import { byAge, type Gateway } from "./resources.ts"

/** The address that a Gateway asks for itself; undefined: none. */
export function fixedAddress({ spec }: Gateway): string | undefined {
  return spec.addresses.find(({ type, value }) => type === "IPAddress" && value !== undefined && value !== "")
    ?.value
}

/**
 * One address of the pool for each Gateway that asks for none. A Gateway keeps the one that its status says, and the oldest
 * choose first. A Gateway that is not in the answer has none: the pool is used up.
 */
export function assignAddresses(gateways: readonly Gateway[], pool: readonly string[]): Map<Gateway, string> {
  const assigned = new Map<Gateway, string>()
  const taken = new Set(gateways.map(fixedAddress))
  const asking = gateways.filter((gateway) => fixedAddress(gateway) === undefined).toSorted(byAge)
  const give = (gateway: Gateway, address: string): void => {
    taken.add(address)
    assigned.set(gateway, address)
  }
  for (const gateway of asking) {
    const kept = gateway.status.addresses.find(({ value }) => pool.includes(value) && !taken.has(value))
    if (kept !== undefined) give(gateway, kept.value)
  }
  const free = pool.filter((address) => !taken.has(address)).values()
  for (const gateway of asking) {
    if (assigned.has(gateway)) continue
    const next = free.next()
    if (next.done === true) break
    give(gateway, next.value)
  }
  return assigned
}
