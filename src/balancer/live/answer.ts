import type { Clock } from "../../base/clock.ts"
import { inSlices } from "../../base/steps.ts"
import type { StreamOwner } from "../../relay/call/stream-owner.ts"
import type { Balancer } from "../balancer.ts"
import type { ClusterSnapshot } from "../status.ts"
import type { AnswerPart, Question } from "./question.ts"
import { findStreams } from "./stream-query.ts"
import { detailOf, type ThreadTime } from "./stream-row.ts"

export interface Answering {
  /** From 1. */
  readonly thread: number
  readonly clock: Clock
  /** Of the clock's 0, since 1970; the same for every question, or a page would not begin where another ended. */
  readonly startMs: number
  /** Takes each piece but the last. */
  tell(part: AnswerPart): void
}

/** Answers for one data thread, in slices. Resolves with the last piece. */
export async function answer(
  balancer: Balancer,
  question: Question,
  { thread, clock, startMs, tell }: Answering,
): Promise<AnswerPart> {
  const time = (): ThreadTime => ({ nowMs: clock.now(), startMs, thread })
  switch (question.kind) {
    case "clusters":
      return { kind: "clusters", clusters: await inSlices(clustersOf(balancer), clock) }
    case "streams": {
      const { clientConnections } = balancer
      const rows = findStreams(clientConnections, question.query, time, (found) =>
        tell({ kind: "rows", rows: found }),
      )
      let turnMaxMs = 0
      const found = await inSlices(rows, clock, (ms) => {
        turnMaxMs = Math.max(turnMaxMs, ms)
      })
      return { kind: "found", found, turnMaxMs }
    }
    case "stream": {
      const found = findStream(balancer, question.connection, question.request)
      return { kind: "stream", stream: found && detailOf(found.owner, found.listener, time()) }
    }
  }
}

function* clustersOf(balancer: Balancer): Generator<void, ClusterSnapshot[]> {
  const clusters: ClusterSnapshot[] = []
  for (const cluster of balancer.clusterSnapshots()) {
    clusters.push(cluster)
    yield
  }
  return clusters
}

function findStream(
  { clientConnections }: Balancer,
  connectionId: number,
  request: number,
): { owner: StreamOwner; listener: string } | null {
  for (const { record, streams, openListener } of clientConnections) {
    if (record.id !== connectionId) continue
    for (const owner of streams)
      if (owner.record.requestNumber === request) return { owner, listener: openListener.config.name }
    return null
  }
  return null
}
