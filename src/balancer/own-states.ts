import { ClusterStates } from "../cluster/cluster-states.ts"
import { Slots } from "../cluster/slots.ts"
import type { EndpointState } from "../cluster/state.ts"
import type { Log } from "../log/logger.ts"
import { logChange } from "./log-change.ts"
import type { Numbers } from "./numbers.ts"

export interface OwnStatesOptions {
  readonly hasChecks: boolean
  readonly log: Log
  /** Takes over what is said of one cluster. */
  apply(cluster: string, endpoints: readonly EndpointState[]): void
  /** Endpoints of it came or went. */
  changed(cluster: string): void
}

/** What is said of endpoints, where no control side has it. */
export function ownStates({ streams }: Numbers, options: OwnStatesOptions): ClusterStates {
  const { hasChecks, log, apply, changed } = options
  return new ClusterStates({
    hasChecks,
    slots: new Slots({
      streamsOpen: (slot) => streams.countOf(slot).open,
      acknowledged: () => Number.POSITIVE_INFINITY,
      onNew() {},
    }),
    publish: ({ clusters }) => {
      for (const { name, endpoints } of clusters) apply(name, endpoints)
    },
    onChange: (change) => {
      logChange(log, change)
      if (change.joined.length + change.left.length > 0) changed(change.cluster)
    },
  })
}
