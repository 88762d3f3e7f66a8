import { readFileSync, writeFileSync } from "node:fs"
import { type Result, tableOf } from "./report.ts"

const PAGE = new URL("../../docs/testing.md", import.meta.url)

/**
 * Puts the scores of a room into docs/testing.md, where its marks stand, under `note` where they need one. Errors: throws
 * when they do not.
 */
export function writeScores(room: string, results: readonly Result[], note: string | null): void {
  const table = tableOf(results)
  writeFileSync(
    PAGE,
    withScores(readFileSync(PAGE, "utf8"), room, note === null ? table : `${note}\n\n${table}`),
  )
}

export function withScores(page: string, room: string, table: string): string {
  const begin = `<!-- scores of ${room}: written by npm run mutate -- ${room} --write -->`
  const end = `<!-- end of ${room} -->`
  const [before, rest] = page.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined)
    throw new Error(`docs/testing.md has no place for the scores of ${room}`)
  return `${before}${begin}\n\n${table}\n\n${end}${after}`
}
