import { isIP } from "node:net"
import { experimental, Metadata, type ServiceConfig, status } from "@grpc/grpc-js"
import { parseAddress } from "../config/address.ts"
import { CONFIG_NAME, type MemberSettings } from "./load-balancer.ts"
import type { Snapshot, SnapshotSource } from "./snapshot.ts"

type Target = Parameters<typeof experimental.uriToString>[0]
type Listener = experimental.ResolverListener
type Address = experimental.SubchannelAddress

/** Where the endpoints of a target come from. */
export type MakeSource = (cluster: string) => SnapshotSource

/** `sluice:///chat`: the endpoints of cluster `chat`, with how they are to be balanced. */
class SluiceResolver implements experimental.Resolver {
  readonly #cluster: string
  readonly #listener: Listener
  readonly #makeSource: MakeSource
  #source: SnapshotSource | null = null
  #hasSnapshot = false

  constructor(cluster: string, listener: Listener, makeSource: MakeSource) {
    this.#cluster = cluster
    this.#listener = listener
    this.#makeSource = makeSource
  }

  updateResolution(): void {
    if (this.#source !== null) return
    this.#source = this.#makeSource(this.#cluster)
    this.#source.start({
      onSnapshot: (snapshot) => this.#tell(snapshot),
      onFailure: (reason) => this.#failed(reason),
    })
  }

  destroy(): void {
    this.#source?.stop()
    this.#source = null
    this.#hasSnapshot = false
  }

  #tell({ policy, endpoints }: Snapshot): void {
    this.#hasSnapshot = true
    const usable = usableOf(endpoints)
    const members: Record<string, MemberSettings> = {}
    const addresses: Address[] = []
    for (const { address, weight, priority } of usable) {
      const where = addressOf(address)
      if (where === null || members[experimental.subchannelAddressToString(where)] !== undefined) continue
      members[experimental.subchannelAddressToString(where)] = { weight, priority }
      addresses.push(where)
    }
    const serviceConfig: ServiceConfig = {
      methodConfig: [],
      loadBalancingConfig: [{ [CONFIG_NAME]: { policy, members } }],
    }
    this.#listener(
      experimental.statusOrFromValue(addresses.map((address) => ({ addresses: [address] }))),
      {},
      experimental.statusOrFromValue(serviceConfig),
      `cluster ${this.#cluster}`,
    )
  }

  /** With a snapshot the client goes on with that. */
  #failed(reason: string): void {
    if (this.#hasSnapshot) return
    const details = `cluster ${this.#cluster}: ${reason}`
    this.#listener(
      experimental.statusOrFromError({ code: status.UNAVAILABLE, details, metadata: new Metadata() }),
      {},
      null,
      details,
    )
  }
}

export function registerResolver(makeSource: MakeSource): void {
  experimental.registerResolver(
    "sluice",
    class extends SluiceResolver {
      constructor(target: Target, listener: Listener) {
        super(clusterOf(target), listener, makeSource)
      }

      static getDefaultAuthority(target: Target): string {
        return clusterOf(target)
      }
    },
  )
}

function clusterOf({ path }: Target): string {
  return decodeURIComponent(path.replace(/^\//, ""))
}

/** As Sluice has it: where every endpoint is unhealthy all are used rather than none. */
function usableOf(endpoints: Snapshot["endpoints"]): Snapshot["endpoints"] {
  const open = endpoints.filter(({ isDraining, weight }) => !isDraining && weight > 0)
  const healthy = open.filter(({ health }) => health !== "unhealthy")
  return healthy.length > 0 ? healthy : open
}

/** Null: a name that has no address yet. */
function addressOf(text: string): Address | null {
  const { host, port, unixPath } = parseAddress(text, null) ?? {}
  if (unixPath != null) return { path: unixPath }
  return host == null || port == null || isIP(host) === 0 ? null : { host, port }
}
