export interface DiffLine {
  readonly sign: " " | "+" | "-"
  readonly text: string
}

/** Lines beyond that are told as taken out and put in, all of them: the table below would be too large. */
const CELLS_MAX = 4_000_000

/** What has changed from `before` to `after`, line by line (longest common subsequence). */
export function lineDiff(before: readonly string[], after: readonly string[]): DiffLine[] {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start++
  let end = 0
  while (
    end < before.length - start &&
    end < after.length - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  )
    end++
  const same = (text: string): DiffLine => ({ sign: " ", text })
  return [
    ...before.slice(0, start).map(same),
    ...between(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map(same),
  ]
}

function between(before: readonly string[], after: readonly string[]): DiffLine[] {
  const width = after.length + 1
  if (before.length * after.length > CELLS_MAX)
    return [
      ...before.map((text) => ({ sign: "-", text }) as const),
      ...after.map((text) => ({ sign: "+", text }) as const),
    ]
  const lengths = new Uint32Array((before.length + 1) * width)
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        before[i] === after[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!)
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push({ sign: " ", text: before[i++]! })
      j++
    } else if (
      j >= after.length ||
      (i < before.length && lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)
    )
      lines.push({ sign: "-", text: before[i++]! })
    else lines.push({ sign: "+", text: after[j++]! })
  }
  return lines
}

/** The lines that changed with `around` others beside them; null stands for those left out. */
export function hunks(lines: readonly DiffLine[], around = 2): (DiffLine | null)[] {
  const isNear = lines.map((_, index) =>
    lines.slice(Math.max(0, index - around), index + around + 1).some(({ sign }) => sign !== " "),
  )
  const shown: (DiffLine | null)[] = []
  for (const [index, line] of lines.entries()) {
    if (isNear[index]) shown.push(line)
    else if (shown.length > 0 && shown.at(-1) !== null) shown.push(null)
  }
  if (shown.at(-1) === null) shown.pop()
  return shown
}
