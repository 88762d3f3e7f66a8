import { bytes, whole } from "./format.ts"
import { total } from "./metrics.ts"
import type { Picture } from "./store.ts"
import type { Strings } from "./strings.ts"

/** Put in by vite.config.ts. */
declare const LIMITS_DEFAULT: Readonly<Record<"connectionsMax" | "bufferedOctetsMax", number>>

interface Meter {
  readonly name: string
  readonly used: number
  readonly limit: number | null
  readonly format: (value: number) => string
}

/** What is used of the bounds that matter most, and which others were met. */
export function Limits(props: {
  picture: Picture
  limits: Readonly<Record<string, number>>
  strings: Strings
}) {
  const { picture, limits, strings } = props
  const { status, metrics } = picture
  const words = strings.limits
  const meter = (
    name: string,
    used: number | null,
    limit: number | null,
    format: Meter["format"],
  ): Meter[] => (used === null ? [] : [{ name, used, limit, format }])
  const { connectionsMax, bufferedOctetsMax } = { ...LIMITS_DEFAULT, ...limits }
  const threads = Math.max(1, status.threads.length)
  // Each data thread has the whole of a limit.
  const meters = [
    ...meter(words.connections, total(metrics, "sluice_connections_open"), connectionsMax * threads, whole),
    ...meter(words.held, total(metrics, "sluice_held_bytes"), bufferedOctetsMax * threads, bytes),
    ...meter(words.memory, status.memory.rssBytes, null, bytes),
  ]
  const met = Object.entries(status.limitsMet).sort(([, one], [, other]) => other - one)
  return (
    <>
      <ul class="meters">
        {meters.map(({ name, used, limit, format }) => (
          <li key={name}>
            <span>{name}</span>
            <span class="numbers">
              {limit === null ? format(used) : `${format(used)} / ${format(limit)}`}
            </span>
            {limit !== null && (
              <meter min={0} max={limit} high={0.8 * limit} value={used} aria-label={name}>
                {words.room(`${Math.round((100 * used) / limit)} %`)}
              </meter>
            )}
          </li>
        ))}
      </ul>
      <h3>{words.reached}</h3>
      {met.length === 0 ? (
        <p class="quiet">{words.none}</p>
      ) : (
        <ul class="met">
          {met.map(([name, count]) => (
            <li key={name}>
              <code>{name}</code>
              <span class="numbers">{whole(count)}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  )
}
