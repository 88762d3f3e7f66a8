import { readFileSync, writeFileSync } from "node:fs"
import type { Check } from "./scenario.ts"

const DOCUMENT = new URL("../../docs/reliability.md", import.meta.url)

/** One line for each check. */
export function renderText(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ what }) => what.length))
  return checks
    .map(({ what, value, held }) => `  ${held ? "held  " : "FAILED"}  ${what.padEnd(width)}  ${value}`)
    .join("\n")
}

/** Puts a table of checks between the marks `<!-- name -->` and `<!-- /name -->` of docs/reliability.md. */
export function renderChecks(name: string, checks: readonly Check[]): void {
  const rows = checks.map(
    ({ what, value, held }) => `| ${cell(what)} | ${cell(value)} | ${held ? "yes" : "**no**"} |`,
  )
  writeBetweenMarks(name, ["| | | held |", "| --- | --- | --- |", ...rows].join("\n"))
}

/** Errors: throws when the marks are not there. */
export function writeBetweenMarks(name: string, text: string): void {
  const document = readFileSync(DOCUMENT, "utf8")
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const from = document.indexOf(open)
  const to = document.indexOf(close)
  if (from < 0 || to < from) throw new Error(`docs/reliability.md has no ${open} … ${close}`)
  writeFileSync(DOCUMENT, `${document.slice(0, from + open.length)}\n\n${text}\n\n${document.slice(to)}`)
}

const cell = (text: string): string => text.replaceAll("|", "\\|")
