import { readFileSync, writeFileSync } from "node:fs"
import { wrapProse } from "../../scripts/wrap-prose.ts"
import type { Check, Scenario } from "./scenario.ts"

const DOCUMENT = new URL("../../docs/reliability.md", import.meta.url)

/** One line for each check. */
export function renderText(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ what }) => what.length))
  return checks
    .map(({ what, value, held }) => `  ${held ? "held  " : "FAILED"}  ${what.padEnd(width)}  ${value}`)
    .join("\n")
}

/** Tables for docs/reliability.md: a heading and one for each scenario. */
export function renderReport(
  results: readonly { scenario: Scenario; checks: readonly Check[] }[],
  run: { machine: string; streams: number; seconds: number; seed: number },
): string {
  const sections = results.map(
    ({ scenario, checks }) => `### ${scenario.name}\n\n${capital(scenario.says)}.\n\n${renderTable(checks)}`,
  )
  const { machine, streams, seconds, seed } = run
  return [`${machine}; ${streams} streams, ${seconds} s, seed ${seed}.`, ...sections].join("\n\n")
}

export function renderTable(checks: readonly Check[]): string {
  const rows = checks.map(
    ({ what, value, held }) => `| ${cell(what)} | ${cell(value)} | ${held ? "yes" : "**no**"} |`,
  )
  return ["| | | held |", "| --- | --- | --- |", ...rows].join("\n")
}

/** Errors: throws when the marks are not there. */
export function writeBetweenMarks(name: string, text: string): void {
  const document = readFileSync(DOCUMENT, "utf8")
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const from = document.indexOf(open)
  const to = document.indexOf(close)
  if (from < 0 || to < from) throw new Error(`docs/reliability.md has no ${open} … ${close}`)
  const next = `${document.slice(0, from + open.length)}\n\n${text}\n\n${document.slice(to)}`
  writeFileSync(DOCUMENT, wrapProse(next))
}

const cell = (text: string): string => text.replaceAll("|", "\\|")
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
