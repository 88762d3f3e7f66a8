import { bytes, whole } from "./format.ts"
import { total } from "./metrics.ts"
import type { Picture } from "./store.ts"
import type { Strings } from "./strings.ts"

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
  const known = (name: string): number => total(metrics, name) ?? 0
  const meters: Meter[] = [
    {
      name: words.connections,
      used: known("sluice_connections_open"),
      limit: limits.connectionsMax ?? null,
      format: whole,
    },
    {
      name: words.held,
      used: known("sluice_held_bytes"),
      limit: limits.bufferedOctetsMax ?? null,
      format: bytes,
    },
    { name: words.memory, used: status.memory.rssBytes, limit: null, format: bytes },
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
