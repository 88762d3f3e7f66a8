import type { Cluster, Endpoint } from "./api.ts"
import { short, whole } from "./format.ts"
import { StateIcon } from "./icons.tsx"
import type { Strings } from "./strings.ts"

export interface StripActions {
  /** The streams of an endpoint are to be listed. */
  onShow(endpoint: Endpoint): void
  onOrder(cluster: Cluster, endpoint: Endpoint, order: "drain" | "resume"): void
}

/** Each cluster's endpoints: a bar of live streams against a tick at the fair share. `actions` null: to look at only. */
export function BalanceStrip(props: {
  clusters: readonly Cluster[]
  strings: Strings
  actions: StripActions | null
}) {
  const { clusters, strings, actions } = props
  if (clusters.length === 0) return <p class="quiet">{strings.balance.none}</p>
  return (
    <>
      {clusters.map((cluster) => (
        <section class="cluster" key={cluster.name} aria-label={cluster.name}>
          <h3>
            <span class="cluster-name">{cluster.name}</span>
            <span class="quiet">{cluster.policy.replaceAll("_", " ")}</span>
            <span class="cluster-count">{whole(cluster.streams)}</span>
          </h3>
          <ul>
            {cluster.endpoints.map((endpoint) => (
              <EndpointBar
                key={endpoint.address}
                cluster={cluster}
                endpoint={endpoint}
                strings={strings}
                actions={actions}
              />
            ))}
          </ul>
        </section>
      ))}
    </>
  )
}

function EndpointBar(props: {
  cluster: Cluster
  endpoint: Endpoint
  strings: Strings
  actions: StripActions | null
}) {
  const { cluster, endpoint, strings, actions } = props
  const { address, state, streams, fairStreams, priority, waiting } = endpoint
  const { balance } = strings
  const full =
    Math.max(1, ...cluster.endpoints.map((each) => Math.max(each.streams, each.fairStreams ?? 0))) * 1.08
  const share = (count: number): string => `${((100 * count) / full).toFixed(2)}%`
  const isStarting = endpoint.slowStartShare !== null
  const words = [
    ...(state === "up" ? [] : [balance.state[state]]),
    ...(isStarting ? [balance.state.starting] : []),
    ...(priority > 0 ? [balance.state.backup] : []),
    ...(waiting > 0 ? [balance.waiting(whole(waiting))] : []),
  ]
  const fair = fairStreams === null ? "" : `, ${balance.fair(fairStreams.toFixed(1))}`
  const order = state === "draining" ? "resume" : "drain"
  return (
    <li class={`endpoint state-${state}${isStarting ? " starting" : ""}`}>
      <svg class="state" viewBox="0 0 12 12" role="img" aria-label={balance.state[state]}>
        {StateIcon[state]}
      </svg>
      {actions === null ? (
        <span class="address">{address}</span>
      ) : (
        <button
          type="button"
          class="address"
          title={balance.show(address)}
          onClick={() => actions.onShow(endpoint)}
        >
          {address}
        </button>
      )}
      <span class="words">{words.join(" · ")}</span>
      {actions !== null && (
        <button type="button" class="order" onClick={() => actions.onOrder(cluster, endpoint, order)}>
          {balance[order]}
        </button>
      )}
      <span class="count">{streams < 100_000 ? whole(streams) : short(streams)}</span>
      <span class="track" role="img" aria-label={`${whole(streams)}${fair}`}>
        <span class="bar" style={{ width: share(streams) }} />
        {fairStreams !== null && <span class="tick" style={{ left: share(fairStreams) }} />}
      </span>
    </li>
  )
}
