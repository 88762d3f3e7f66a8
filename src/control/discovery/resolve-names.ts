import type { Clock } from "../../base/clock.ts"
import { systemRandom } from "../../base/random.ts"
import type { Config } from "../../config/model.ts"
import { endpointSpecs } from "./dns-spec.ts"

/** What a name in the configuration comes to on this machine now. */
export interface ResolvedEndpoint {
  readonly cluster: string
  /** As it is written, with its port. */
  readonly name: string
  readonly addresses: readonly string[]
  /** Why there are none; null: there are. */
  readonly problem: string | null
}

/** Names in one configuration that are asked for; others are when it runs. */
const NAMES_MAX = 1_000

/** Asks once for every name that is an endpoint. */
export async function resolveNames({ clusters }: Config, clock: Clock): Promise<ResolvedEndpoint[]> {
  const wanted = clusters.flatMap((config) =>
    endpointSpecs(config).flatMap((spec, index) => {
      return spec === null ? [] : [{ spec, cluster: config.name, name: config.endpoints[index]!.address }]
    }),
  )
  return Promise.all(
    wanted.slice(0, NAMES_MAX).map(
      ({ spec, cluster, name }) =>
        new Promise<ResolvedEndpoint>((resolve) => {
          const source = spec.make({ clock, random: systemRandom, assignments: null })
          const done = (addresses: readonly string[], problem: string | null): void => {
            source.stop()
            resolve({ cluster, name, addresses, problem })
          }
          source.start({
            onEndpoints: (endpoints) =>
              done(
                endpoints.map(({ address }) => address),
                null,
              ),
            onFailure: (reason) => done([], reason),
          })
        }),
    ),
  )
}
