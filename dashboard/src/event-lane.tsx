import type { AdminEvent } from "./api.ts"
import { clock } from "./format.ts"
import { SAMPLES_MAX } from "./history.ts"
import type { Strings } from "./strings.ts"

/** Rows under the lane: the latest events in words. */
const LISTED = 4

/** Events on the axis of the plots, and the last of them in words. */
export function EventLane(props: { events: readonly AdminEvent[]; nowMs: number; strings: Strings }) {
  const { events, nowMs, strings } = props
  const fromMs = nowMs - SAMPLES_MAX * 1000
  const recent = events.filter(({ at }) => Date.parse(at) > fromMs)
  return (
    <div class="lane">
      <div class="lane-axis">
        {recent.map(({ id, at, kind, level, message }) => (
          <span
            key={id}
            class={`mark level-${level}`}
            style={{ left: `${(100 * (Date.parse(at) - fromMs)) / (nowMs - fromMs)}%` }}
            title={`${clock(Date.parse(at))} ${kind}: ${message}`}
          />
        ))}
        <span class="lane-end lane-start">{strings.lane.ago}</span>
        <span class="lane-end">{strings.lane.now}</span>
      </div>
      {recent.length === 0 ? (
        <p class="quiet">{strings.lane.none}</p>
      ) : (
        <ol class="lane-list">
          {recent
            .slice(-LISTED)
            .reverse()
            .map((event) => (
              <li key={event.id}>
                <time>{clock(Date.parse(event.at))}</time>
                <span class={`kind level-${event.level}`}>{event.kind}</span>
                <span class="lane-text">{textOf(event)}</span>
              </li>
            ))}
        </ol>
      )}
    </div>
  )
}

/** The message, and what its fields say. */
function textOf({ message, fields }: AdminEvent): string {
  const parts = Object.entries(fields)
    .filter(([, value]) => ["string", "number"].includes(typeof value))
    .map(([name, value]) => `${name} ${String(value)}`)
  return [message, ...parts].join(" · ")
}
