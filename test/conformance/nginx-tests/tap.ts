/** What one file of nginx's suite says of itself: the Test Anything Protocol, as far as Test::More writes it. */
export interface TapCounts {
  /** Tests that counted: neither skipped nor known to fail. */
  cases: number
  passed: number
  /** Of those that failed. */
  failed: string[]
  /** Why the file was skipped whole; null: it was not. */
  skipped: string | null
}

/** @param isEnded the program came to its end; else what its plan still holds has failed */
export function readTap(text: string, isEnded: boolean): TapCounts {
  const counts: TapCounts = { cases: 0, passed: 0, failed: [], skipped: null }
  let planned = 0
  let seen = 0
  for (const line of text.split("\n")) {
    const [, most, why] = /^1\.\.(\d+)(?:\s*# SKIP ?(.*))?/i.exec(line) ?? []
    if (most !== undefined) {
      planned = Number(most)
      if (planned === 0) counts.skipped = why ?? ""
    }
    const [, not, name = "", directive] =
      /^(not )?ok\b\s*\d*(?:\s*-\s*)?([^#]*)(#\s*(?:TODO|SKIP))?/i.exec(line) ?? []
    if (!/^(not )?ok\b/.test(line)) continue
    seen++
    if (directive !== undefined) continue
    counts.cases++
    if (not === undefined) counts.passed++
    else counts.failed.push(name.trim())
  }
  if (!isEnded || seen < planned)
    for (let at = seen; at < planned; at++) {
      counts.cases++
      counts.failed.push(`${at + 1}: not reached`)
    }
  return counts
}
