import { type AdminAnswer, AdminError } from "./route.ts"
import type { ClusterSnapshot } from "./schema.ts"
import type { ControlView } from "./view.ts"

/** A comment so often, as for events. */
const PULSE_MS = 15_000

/** A cluster as clients that balance by themselves need it. Errors: throws AdminError. */
export function snapshotOf(view: Pick<ControlView, "config" | "endpointsOf">, name: string): ClusterSnapshot {
  const cluster = view.config.clusters.find((each) => each.name === name)
  if (cluster === undefined) throw new AdminError(404, `there is no cluster ${name}`)
  return {
    cluster: name,
    policy: cluster.policy,
    endpoints: view.endpointsOf(name).map(({ address, weight, priority, zone, drain, health }) => ({
      address,
      weight,
      priority,
      zone,
      isDraining: drain,
      health,
    })),
  }
}

/** The snapshot, and each that follows it, as server-sent events. */
export function snapshotStream(
  view: Pick<ControlView, "config" | "endpointsOf" | "watch">,
  name: string,
  every: (ms: number, call: () => void) => () => void,
): AdminAnswer {
  snapshotOf(view, name)
  return {
    contentType: "text/event-stream",
    start(write) {
      let last = ""
      const tell = (): void => {
        // A cluster that went with a reload: what is known of it goes on holding.
        if (!view.config.clusters.some((each) => each.name === name)) return
        const text = JSON.stringify(snapshotOf(view, name))
        if (text === last) return
        last = text
        write(`event: snapshot\ndata: ${text}\n\n`)
      }
      tell()
      const stopWatching = view.watch((cluster) => {
        if (cluster === null || cluster === name) tell()
      })
      const stopPulse = every(PULSE_MS, () => write(": still here\n\n"))
      return () => {
        stopWatching()
        stopPulse()
      }
    },
  }
}
