import {
  failure,
  HASHES,
  type Imbalance,
  imbalance,
  type Joining,
  joining,
  moved,
  POLICIES,
  pickCost,
} from "./scenarios.ts"

export interface PolicyFigures {
  readonly label: string
  readonly one: Imbalance
  readonly two: Imbalance
  readonly skewed: Imbalance
  readonly big: Imbalance
  readonly failure: ReturnType<typeof failure>
  /** By size. */
  readonly costNs: readonly number[]
}

export interface MovedFigures {
  readonly label: string
  readonly joins: number
  readonly leaves: number
  readonly joins100: number
  readonly leaves100: number
}

/** What a run has measured. */
export interface Run {
  readonly seed: number
  readonly policies: readonly PolicyFigures[]
  readonly moved: readonly MovedFigures[]
  readonly joining: { readonly plain: Joining; readonly slow: Joining }
  readonly big: { readonly endpoints: number; readonly streams: number }
  readonly sizes: readonly number[]
}

export interface RunOptions {
  readonly seed: number
  readonly big: Run["big"]
  readonly sizes: readonly number[]
  readonly keys: number
  readonly picks: number
  say(text: string): void
}

/** Plays everything. */
export function run({ seed, big, sizes, keys, picks, say }: RunOptions): Run {
  const small = { endpoints: 10, streams: 1000, seed }
  const policies = POLICIES.map(({ label, policy }): PolicyFigures => {
    const figures = {
      label,
      one: imbalance(policy, { ...small, threads: 1, lengths: "exponential" }),
      two: imbalance(policy, { ...small, threads: 2, lengths: "exponential" }),
      skewed: imbalance(policy, { ...small, threads: 2, lengths: "skewed" }),
      big: imbalance(policy, { ...big, threads: 2, lengths: "exponential", seed }),
      failure: failure(policy, seed),
      costNs: sizes.map((size) => pickCost(policy, size, picks)),
    }
    const { two, costNs } = figures
    say(
      `${label.padEnd(22)} max/mean ${two.mean.toFixed(3)}, a pick ${costNs.map((ns) => ns.toFixed(0)).join(", ")} ns`,
    )
    return figures
  })
  const movedFigures = HASHES.map(({ label, policy }): MovedFigures => {
    const figures = {
      label,
      joins: moved(policy, 10, "joins", keys),
      leaves: moved(policy, 10, "leaves", keys),
      joins100: moved(policy, 100, "joins", keys),
      leaves100: moved(policy, 100, "leaves", keys),
    }
    say(`${label.padEnd(22)} ${figures.joins.toFixed(1)} % of the keys move when an endpoint joins ten`)
    return figures
  })
  const windowed = (windowMs: number): Joining =>
    joining(
      { policy: { name: "least_streams" }, slowStart: { windowMs, aggression: 1, minWeightPercent: 10 } },
      60,
      seed,
    )
  return {
    seed,
    policies,
    moved: movedFigures,
    joining: { plain: windowed(0), slow: windowed(30_000) },
    big,
    sizes,
  }
}

/** The figures that must be reached, in words where they are not. `isTimed`: costs count too. */
export function judge({ policies, joining: { plain, slow }, sizes }: Run, isTimed: boolean): string[] {
  const problems: string[] = []
  const least = policies.find(({ label }) => label === "least_streams")!
  for (const [threads, figures] of [
    ["1 thread", least.one],
    ["2 threads", least.two],
  ] as const)
    if (figures.worst > 1.05)
      problems.push(
        `least_streams over ${threads}: max/mean ${figures.worst.toFixed(3)}, and 1.05 is allowed`,
      )
  for (const { label, failure: failed } of policies)
    if (failed.atFailed > 0) problems.push(`${label}: new streams went to the endpoint that failed`)
  const firstSecond = ({ seconds }: Joining): number => seconds[0]!.percent
  if (firstSecond(slow) > 20 || firstSecond(plain) < 50)
    problems.push(
      `slow start: ${firstSecond(slow).toFixed(0)} % of the first second's streams went to the one that joined`,
    )
  const at = sizes.indexOf(1000)
  if (isTimed && at >= 0)
    for (const { label, costNs } of policies)
      if (costNs[at]! > 1000) problems.push(`${label}: a pick among 1,000 takes ${costNs[at]!.toFixed(0)} ns`)
  return problems
}
