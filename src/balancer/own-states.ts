import { ClusterStates } from "../cluster/cluster-states.ts"
import { Slots } from "../cluster/slots.ts"
import type { EndpointState } from "../cluster/state.ts"
import type { Log } from "../log/logger.ts"
import { logChange } from "./log-change.ts"
import type { Numbers } from "./numbers.ts"

/** What is said of endpoints, where no control side has it. `apply`: takes over what it comes to for one cluster. */
export function ownStates(
  { streams }: Numbers,
  log: Log,
  apply: (cluster: string, endpoints: readonly EndpointState[]) => void,
): ClusterStates {
  return new ClusterStates({
    hasChecks: false,
    slots: new Slots({
      streamsOpen: (slot) => streams.countOf(slot).open,
      acknowledged: () => Number.POSITIVE_INFINITY,
      onNew() {},
    }),
    publish: ({ clusters }) => {
      for (const { name, endpoints } of clusters) apply(name, endpoints)
    },
    onChange: (change) => logChange(log, change),
  })
}
