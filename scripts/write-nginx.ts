import { readFileSync, writeFileSync } from "node:fs"
import { MODULES } from "../src/config/nginx/directives/modules.ts"
import type { DirectiveSpec, Verdict } from "../src/config/nginx/directives/spec.ts"
import { allSpecs } from "../src/config/nginx/directives/table.ts"
import { TCP_NAMES, TCP_ONLY } from "../src/record/tcp-variables.ts"
import { variableNames } from "../src/record/variables.ts"
import { wrapProse } from "./wrap-prose.ts"

const START = /(<!-- tables: [^\n]*-->\n).*(<!-- end of tables -->)/s

/** docs/nginx.md with its tables of directives and variables as the code has them. */
export function withTables(text: string): string {
  return wrapProse(text.replace(START, (_, start: string, end: string) => `${start}\n${tables()}\n${end}`))
}

function tables(): string {
  return [
    "## Honoured",
    "",
    ...table([
      ["directive", "in", "does"],
      ...allSpecs()
        .filter(({ verdict }) => verdict === "honoured")
        .map(({ name, contexts, reason }) => [
          `\`${name}\``,
          placesOf(contexts),
          reason.replaceAll("|", "\\|"),
        ]),
    ]),
    "",
    `Variables: ${variableNames()
      .filter((name) => !TCP_ONLY.has(name))
      .map((name) => `\`$${name.endsWith("_") ? `${name}*` : name}\``)
      .join(" ")}.`,
    "",
    `Of \`stream\`: ${[...TCP_NAMES].map((name) => `\`$${name}\``).join(" ")}.`,
    "",
    "## Not supported yet",
    "",
    ...byReason("not yet"),
    "",
    "## Not supported",
    "",
    ...byReason("not supported"),
    "",
    "A `mail` block is not looked into. Directives with the one argument `off` are fine: so they are here.",
    "",
    "## Left out",
    "",
    "These let no client in and send no call elsewhere, but answers or logs differ: a warning.",
    "",
    ...byReason("left out"),
    "",
    "## No effect",
    "",
    ...byReason("no effect"),
    "",
    "## Modules that are none of nginx's own",
    "",
    ...ofModules(),
    "",
  ].join("\n")
}

/** Columns padded, as the formatter wants them. */
function table([head, ...rows]: string[][]): string[] {
  const widths = head!.map((_, column) => Math.max(...[head!, ...rows].map((row) => row[column]!.length)))
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`
  return [line(head!), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)]
}

function placesOf(contexts: DirectiveSpec["contexts"]): string {
  return contexts.length === 9 ? "anywhere" : contexts.join(", ")
}

const SAID: Record<Verdict, string> = {
  honoured: "Honoured",
  "no effect": "No effect",
  "left out": "Left out",
  "not yet": "Not supported yet",
  "not supported": "Not supported",
}

function ofModules(): string[] {
  return MODULES.map(({ verdict, reason, names }) => {
    const shown = names
      .trim()
      .split(/\s+/)
      .map((name) => `\`${name}\``)
    return `- ${SAID[verdict]}, ${reason}: ${shown.join(", ")}.`
  })
}

function byReason(verdict: Verdict): string[] {
  const specs = allSpecs().filter((spec) => spec.verdict === verdict && spec.contexts.length > 0)
  return [...Map.groupBy(specs, ({ reason }) => reason)].map(([reason, group]) => {
    const names = [...new Set(group.map(({ name }) => `\`${name}\``))]
    return `- ${reason[0]!.toUpperCase()}${reason.slice(1)}: ${names.join(", ")}.`
  })
}

if (import.meta.main) {
  const path = new URL("../docs/nginx.md", import.meta.url)
  writeFileSync(path, withTables(readFileSync(path, "utf8")))
}
