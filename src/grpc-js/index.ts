/**
 * Sluice's balancing in clients of `@grpc/grpc-js`: `import { registerSluice } from "sluice/grpc-js"`.
 *
 * ```ts
 * import { registerSluice } from "sluice/grpc-js"
 *
 * registerSluice({ admin: "127.0.0.1:9901" })
 * const chat = new ChatClient("sluice:///chat", credentials.createInsecure())
 * ```
 *
 * With `continuityInterceptor`, streams outlive the backend under them, and a Sluice before it:
 *
 * ```ts
 * import { continuityInterceptor } from "sluice/grpc-js"
 *
 * const chat = new ChatClient("sluice:///chat", credentials.createInsecure(), {
 *   interceptors: [continuityInterceptor()],
 * })
 * ```
 */
import { systemClock } from "../base/clock.ts"
import { systemRandom } from "../base/random.ts"
import { adminAddress } from "../config/admin-address.ts"
import type { PolicyConfig } from "../config/model.ts"
import { AdminSource } from "./admin-source.ts"
import { fileSource } from "./file-source.ts"
import { registerLoadBalancer } from "./load-balancer.ts"
import { type MakeSource, registerResolver } from "./resolver.ts"
import type { SnapshotSource } from "./snapshot.ts"

export { type ContinuityOptions, continuityInterceptor } from "./continuity.ts"

export interface SluiceOptions {
  /** Where a Sluice says what there is: a port of this machine, `host:port`, `[v6]:port` or `unix:/path`. */
  admin?: string | number
  /** What its admin API wants to be shown, where it wants that. */
  token?: string
  /** In place of `admin`: files with lists of endpoints (docs/operating.md), by cluster. */
  files?: Readonly<Record<string, string>>
  /** How endpoints of files are balanced. Default: fewest streams. */
  policy?: PolicyConfig
}

/**
 * Makes targets of `sluice:///CLUSTER` known to grpc-js. Once for a process: grpc-js has one registry.
 * Errors: throws on options that name no place to ask.
 */
export function registerSluice(options: SluiceOptions): void {
  registerLoadBalancer()
  registerResolver(sourceMaker(options))
}

function sourceMaker({
  admin,
  token,
  files = {},
  policy = { name: "least_streams" },
}: SluiceOptions): MakeSource {
  const address = admin === undefined ? null : adminAddress(admin)
  if (admin !== undefined && address === null)
    throw new TypeError(`admin: ${admin} is no port, host:port, [v6]:port or unix:/path`)
  if (address === null && Object.keys(files).length === 0) throw new TypeError("admin or files must be given")
  return (cluster) => {
    const path = files[cluster]
    if (path !== undefined) return fileSource(path, policy)
    if (address === null) return nowhere()
    return new AdminSource({
      address,
      token: token ?? null,
      cluster,
      clock: systemClock,
      random: systemRandom,
    })
  }
}

function nowhere(): SnapshotSource {
  return { start: ({ onFailure }) => onFailure("no file of it was given to registerSluice"), stop() {} }
}
