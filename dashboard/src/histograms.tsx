import { whole } from "./format.ts"
import { BARS } from "./stream-list.ts"
import type { Strings } from "./strings.ts"

/** Counts over time on a log scale: most streams are young or very old, and both have to be seen. */
export function Histogram(props: { title: string; counts: readonly number[]; strings: Strings }) {
  const { title, counts, strings } = props
  const most = Math.max(1, ...counts)
  return (
    <figure class="plot histogram">
      <figcaption>{title}</figcaption>
      <ol>
        {counts.map((count, index) => {
          const bound = BARS[index]
          const name =
            bound === undefined
              ? `${shortTime(BARS.at(-1)!)} ${strings.histograms.above}`
              : `${strings.histograms.below} ${shortTime(bound)}`
          // The height is logarithmic too: one stream among thousands has to be seen.
          const height = count === 0 ? 0 : 6 + (94 * Math.log1p(count)) / Math.log1p(most)
          return (
            <li key={name} title={`${name}: ${whole(count)}`}>
              <span class="pile" style={{ height: `${height}%` }} />
              <span class="visually-hidden">{`${name}: ${whole(count)}`}</span>
            </li>
          )
        })}
      </ol>
      <p class="histogram-axis" aria-hidden="true">
        {BARS.map((bound) => (
          <span key={bound}>{shortTime(bound)}</span>
        ))}
      </p>
    </figure>
  )
}

/** `30 s`, `10 min`, `12 h`, `7 d` of whole bounds. */
function shortTime(seconds: number): string {
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${seconds / 60}m`
  if (seconds < 86_400) return `${seconds / 3600}h`
  return `${seconds / 86_400}d`
}
