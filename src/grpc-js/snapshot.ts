import type { PolicyConfig } from "../config/model.ts"
import { policyNames } from "../config/policy-names.ts"
import type { ClusterSnapshot } from "../control/admin/schema.ts"

/** What a client balances over. */
export interface Snapshot {
  readonly policy: PolicyConfig
  readonly endpoints: ClusterSnapshot["endpoints"]
}

/** Told by a source, in any number and order, until `stop`. */
export interface SnapshotListener {
  onSnapshot(snapshot: Snapshot): void
  /** Nothing new is known, and why; the last snapshot goes on holding. */
  onFailure(reason: string): void
}

export interface SnapshotSource {
  start(listener: SnapshotListener): void
  stop(): void
}

/** As the admin API has it. Errors: throws in one sentence. */
export function readSnapshot(text: string): Snapshot {
  const { policy, endpoints } = JSON.parse(text) as Partial<ClusterSnapshot>
  if (!Array.isArray(endpoints)) throw new Error("a snapshot has endpoints")
  const isKnown = policyNames.some((name) => name === policy?.name)
  // One of a later version of Sluice.
  return { policy: isKnown ? (policy as PolicyConfig) : { name: "round_robin" }, endpoints }
}
