import { useRef } from "preact/hooks"
import { total } from "./metrics.ts"
import type { Store } from "./store.ts"

/** Streams that were moved, and that ended otherwise than by their caller's will, since the page was opened. */
export function useSinceOpened({ picture }: Store): { moved: number; lost: number } {
  const first = useRef<{ startedAt: string; moved: number; lost: number } | null>(null)
  if (picture === null) return { moved: 0, lost: 0 }
  const { metrics, status } = picture
  const moved = status.limitsMet.continuity_legs ?? 0
  const lost = total(metrics, "sluice_streams_ended_total", isLoss) ?? 0
  if (first.current?.startedAt !== status.startedAt)
    first.current = { startedAt: status.startedAt, moved, lost }
  return { moved: moved - first.current.moved, lost: lost - first.current.lost }
}

/** Statuses that say that the stream was not ended by those who held it. */
function isLoss(labels: Readonly<Record<string, string>>): boolean {
  return ["UNAVAILABLE", "INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED"].includes(labels.code ?? "")
}
