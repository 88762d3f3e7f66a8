import type { Attack } from "./attack.ts"
import type { Verdict } from "./suite.ts"

export interface TargetReport {
  name: string
  version: string
  verdicts: Verdict[]
  /** Why there is nothing to show. */
  failure: string
}

/** `GOAWAY(ENHANCE_YOUR_CALM) after 412 frames`. */
export function describeEnd({ sight }: Pick<Verdict, "sight">): string {
  const end = sight.code === "" ? sight.end : `${sight.end}(${sight.code})`
  return sight.end === "open" || sight.frames === 0 ? end : `${end} after ${sight.frames} frames`
}

/** One line for the terminal. */
export function describeVerdict(verdict: Verdict): string {
  const mark = verdict.reasons.length === 0 ? "held    " : "NOT HELD"
  const mode = verdict.reading ? "" : " (not reading)"
  const facts = [
    describeEnd(verdict),
    kib(verdict.sight.octets),
    `${verdict.calls} calls`,
    growth(verdict.growthOctets),
    `neighbour ≤ ${verdict.neighbour.slowestMs} ms`,
    verdict.sight.note,
    counters(verdict),
  ].filter(Boolean)
  const why = verdict.reasons.length === 0 ? "" : `\n           ${verdict.reasons.join("; ")}`
  return `${mark} ${verdict.attack}${mode}: ${facts.join(", ")}${why}`
}

/** docs/abuse.md: who held what, then each attack with its figures. */
export function renderMarkdown(
  attacks: readonly Attack[],
  targets: readonly TargetReport[],
  machine: string,
): string {
  return [
    "# Attacks, side by side",
    "",
    "Each attack runs on real sockets against each load balancer, started with one worker in front of the same echo",
    "backend, while an honest client talks to that backend through the same listener. *Held* means that the attack was",
    "ended or bounded as its row says, the honest client noticed nothing, memory grew by at most 8 MiB, no call was",
    "left open behind, and (for Sluice) a named counter moved. Most attacks run twice: the attacker reads what comes",
    "back, or does not (*unread*). The slow ones run side by side and share their growth in memory equally.",
    "",
    `Written by \`npm run abuse -- --peer all\` on ${machine}. Limits: [limits.md](limits.md).`,
    "",
    table(
      ["attack", ...targets.map((target) => `${target.name} ${target.version}`.trim())],
      [
        ...attacks.map((attack) => [
          `[${attack.name}](#${attack.name})`,
          ...targets.map((t) => summary(attack, t)),
        ]),
        ["**held**", ...targets.map(score)],
      ],
    ),
    "",
    ...attacks.flatMap((attack) => section(attack, targets)),
  ].join("\n")
}

function summary(attack: Attack, target: TargetReport): string {
  const verdicts = target.verdicts.filter((verdict) => verdict.attack === attack.name)
  if (verdicts.length === 0) return "-"
  const failed = verdicts.filter((verdict) => verdict.reasons.length > 0)
  if (failed.length === 0) return "held"
  const which = failed.length === verdicts.length ? "" : failed[0]!.reading ? " (read)" : " (unread)"
  return `**not held**${which}`
}

function score({ verdicts, failure }: TargetReport): string {
  if (failure !== "") return failure
  return `**${verdicts.filter((verdict) => verdict.reasons.length === 0).length} of ${verdicts.length}**`
}

function section(attack: Attack, targets: readonly TargetReport[]): string[] {
  const rows = targets.flatMap((target) =>
    target.verdicts
      .filter((verdict) => verdict.attack === attack.name)
      .map((verdict) => [
        verdict.reading ? target.name : `${target.name}, unread`,
        describeEnd(verdict),
        kib(verdict.sight.octets) || "-",
        `${verdict.calls} / ${verdict.liveMax}`,
        growth(verdict.growthOctets) || "-",
        `${verdict.neighbour.slowestMs} ms`,
        verdict.reasons.length === 0 ? "held" : `**not held**: ${verdict.reasons.join("; ")}`,
        [verdict.sight.note, counters(verdict)].filter(Boolean).join("; "),
      ]),
  )
  return [
    `## ${attack.name}`,
    "",
    `${capital(attack.how)}. ${attack.source}.`,
    `Held: ${attack.bar.held}.`,
    "",
    table(
      ["target", "end", "sent", "calls / at once", "memory", "neighbour's slowest", "verdict", "notes"],
      rows,
    ),
    "",
  ]
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")
}

const kib = (octets: number): string =>
  octets === 0 ? "" : `${(octets / 1024).toFixed(octets < 10_240 ? 1 : 0)} KiB`
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

function growth(octets: number | null): string {
  return octets === null ? "" : `+${(octets / 2 ** 20).toFixed(1)} MiB`
}

function counters({ counters: moved }: Verdict): string {
  return Object.entries(moved ?? {})
    .map(([name, count]) => `${name} ${count}`)
    .join(", ")
}
