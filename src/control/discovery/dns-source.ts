import { isIP } from "node:net"
import type { Clock, Timer } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import { hostAddress } from "../../config/address.ts"
import {
  type DiscoveredEndpoint,
  type DiscoveryListener,
  type DiscoverySource,
  plainEndpoint,
} from "./source.ts"

/** What a name has now. */
export interface ResolvedName {
  /** Sorted, each once; of IPv4 and IPv6. */
  readonly addresses: readonly string[]
  /** Null: not known. */
  readonly ttlMs: number | null
}

/** How names are asked for. Errors: as node:dns, with its codes. */
export interface NameResolver {
  resolve(name: string, families: { readonly ipv4: boolean; readonly ipv6: boolean }): Promise<ResolvedName>
  resolveSrv(name: string): Promise<{ name: string; port: number; priority: number; weight: number }[]>
}

export interface DnsSourceOptions {
  /** A host name, or with `service` what its SRV records are of. */
  readonly host: string
  /** Of the endpoints; SRV records have their own. */
  readonly port: number
  /** nginx's `service=`: `http` asks for `_http._tcp.HOST`, `_grpc._tcp` is asked as written. Null: A and AAAA. */
  readonly service: string | null
  /** Asks this often whatever the TTL. nginx: `valid=`. Null: by TTL. */
  readonly validMs: number | null
  readonly families: { readonly ipv4: boolean; readonly ipv6: boolean }
  readonly resolver: NameResolver
  readonly clock: Clock
  readonly random: Random
}

/** A second, however short the TTL: a record with TTL 0 must not become a flood. */
const REFRESH_MIN_MS = 1_000
/** Docker's resolver says ten minutes of names that change at once, and asking it costs next to nothing. */
const REFRESH_MAX_MS = 30_000
/** Where no TTL is known: SRV records and /etc/hosts. */
const REFRESH_DEFAULT_MS = 10_000
/** A chain of SRV targets is asked for so many names at most. */
const TARGETS_MAX = 1_000

/**
 * All addresses of a name, asked again when their TTL is over. An answer that fails or is empty changes nothing: it is
 * asked for again, later and later.
 */
export class DnsSource implements DiscoverySource {
  readonly name: string
  readonly #options: DnsSourceOptions
  #listener: DiscoveryListener | null = null
  #timer: Timer | null = null
  #isAsking = false
  #failures = 0
  #askedMs = Number.NEGATIVE_INFINITY

  constructor(options: DnsSourceOptions) {
    this.#options = options
    const { host, port, service } = options
    this.name = service === null ? `dns ${hostAddress(host, port).text}` : `dns ${srvName(host, service)}`
  }

  start(listener: DiscoveryListener): void {
    this.#listener = listener
    void this.#ask()
  }

  refresh(): void {
    const sinceMs = this.#options.clock.now() - this.#askedMs
    if (this.#listener !== null && !this.#isAsking) this.#askIn(Math.max(0, REFRESH_MIN_MS - sinceMs))
  }

  stop(): void {
    this.#listener = null
    this.#timer?.cancel()
  }

  #askIn(delayMs: number): void {
    this.#timer?.cancel()
    this.#timer = this.#options.clock.after(delayMs, () => void this.#ask())
  }

  async #ask(): Promise<void> {
    const { clock, validMs, service } = this.#options
    this.#isAsking = true
    this.#askedMs = clock.now()
    try {
      const { endpoints, ttlMs, unread } = await (service === null
        ? this.#addresses()
        : this.#services(service))
      this.#isAsking = false
      if (this.#listener === null) return
      if (endpoints.length === 0) throw new Error(unread ?? "the answer is empty")
      this.#failures = 0
      this.#askIn(validMs ?? Math.min(REFRESH_MAX_MS, Math.max(REFRESH_MIN_MS, ttlMs)))
      this.#listener.onEndpoints(endpoints, unread)
    } catch (error) {
      this.#isAsking = false
      this.#failed(error as Error)
    }
  }

  #failed(error: Error): void {
    if (this.#listener === null) return
    const backoffMs = Math.min(REFRESH_MAX_MS, REFRESH_MIN_MS * 2 ** Math.min(this.#failures++, 10))
    this.#askIn(backoffMs * (0.8 + 0.4 * this.#options.random()))
    this.#listener.onFailure(reasonOf(error))
  }

  async #addresses(): Promise<Answer> {
    const { host, port } = this.#options
    const { addresses, ttlMs } = await this.#resolve(host)
    return { endpoints: addresses.map((address) => plainEndpoint(hostAddress(address, port).text)), ttlMs }
  }

  /** RFC 2782: each target has its port, priority and weight. */
  async #services(service: string): Promise<Answer> {
    const { host, resolver } = this.#options
    const all = await resolver.resolveSrv(srvName(host, service))
    const records = all.filter(({ port }) => port > 0)
    const without = all.length - records.length
    if (records.length > TARGETS_MAX)
      throw new Error(`${records.length} SRV records, more than ${TARGETS_MAX}`)
    const priorities = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b)
    const found = await Promise.allSettled(records.map(({ name }) => this.#resolve(name)))
    const failed = found.find((one) => one.status === "rejected")
    if (failed !== undefined && found.every((one) => one.status === "rejected")) throw failed.reason as Error
    const endpoints = found.flatMap((one, index): DiscoveredEndpoint[] => {
      const { port, priority, weight } = records[index]!
      if (one.status === "rejected") return []
      return one.value.addresses.map((address) => ({
        ...plainEndpoint(hostAddress(address, port).text),
        // A weight of 0 is "hardly ever" there; here the least there is.
        weight: Math.max(1, weight),
        priority: priorities.indexOf(priority),
      }))
    })
    return {
      endpoints,
      ttlMs: REFRESH_DEFAULT_MS,
      ...(without > 0 && { unread: `${without} of ${all.length} SRV records have port 0` }),
    }
  }

  async #resolve(name: string): Promise<{ addresses: readonly string[]; ttlMs: number }> {
    if (isIP(name) !== 0) return { addresses: [name], ttlMs: REFRESH_MAX_MS }
    const { resolver, families } = this.#options
    const { addresses, ttlMs } = await resolver.resolve(name, families)
    return { addresses, ttlMs: ttlMs ?? REFRESH_DEFAULT_MS }
  }
}

interface Answer {
  /** What of it could not be used, in a sentence. */
  readonly unread?: string
  readonly endpoints: DiscoveredEndpoint[]
  readonly ttlMs: number
}

/** As nginx builds it. */
function srvName(host: string, service: string): string {
  return service.includes(".") || service.startsWith("_") ? `${service}.${host}` : `_${service}._tcp.${host}`
}

const REASONS: Readonly<Record<string, string>> = {
  ENODATA: "the name has no address",
  ENOTFOUND: "the name does not exist",
  ESERVFAIL: "the name server failed (SERVFAIL)",
  EREFUSED: "the name server refused to answer",
  ETIMEOUT: "the name server did not answer in time",
  ECONNREFUSED: "the name server cannot be reached",
  EAI_AGAIN: "the name server did not answer in time",
}

function reasonOf(error: Error & { code?: string }): string {
  return REASONS[error.code ?? ""] ?? error.message
}
