/** `sluice doctor CONFIG`: asks each backend what a start would only find out under traffic. */
import { type Clock, systemClock } from "../../base/clock.ts"
import { prepare } from "../prepare.ts"
import { connect } from "./connect.ts"
import { type Finding, fine } from "./finding.ts"
import { lookAtSession } from "./session.ts"
import { notHttp2 } from "./speaks.ts"
import { type Target, targetsOf } from "./targets.ts"

export interface DoctorOptions {
  readonly json: boolean
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
  readonly clock?: Clock
}

interface Report {
  readonly target: Target
  readonly findings: readonly Finding[]
}

/** Backends asked at once. */
const AT_ONCE = 8

/** @returns the exit code: 0 no trap, 1 there is one, 2 the configuration cannot be run */
export async function doctor(path: string, options: DoctorOptions): Promise<0 | 1 | 2> {
  const { json, stdout, stderr, clock = systemClock } = options
  const { config, problems } = await prepare(path, { strict: false })
  if (config === null) {
    const first = problems.find(({ severity }) => severity === "error")
    stderr.write(
      `sluice: the configuration has errors: ${first?.message ?? ""}; sluice check ${path} has all of them\n`,
    )
    return 2
  }
  const reports = await inBatches(targetsOf(config), (target) => examine(target, clock))
  const traps = reports
    .flatMap(({ findings }) => findings)
    .filter(({ severity }) => severity === "trap").length
  if (json) stdout.write(`${JSON.stringify(reports.map(plain), null, 2)}\n`)
  else stdout.write(`${[...reports.flatMap(linesOf), summary(reports.length, traps)].join("\n")}\n`)
  return traps > 0 ? 1 : 0
}

async function inBatches<In, Out>(items: readonly In[], work: (item: In) => Promise<Out>): Promise<Out[]> {
  const results: Out[] = []
  for (let at = 0; at < items.length; at += AT_ONCE)
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(work))))
  return results
}

async function examine(target: Target, clock: Clock): Promise<Report> {
  const first = await connect(target)
  const findings = [...first.findings]
  if (first.socket === null) return { target, findings }
  if (target.protocol === "tcp") {
    first.socket.destroy()
    return { target, findings: [fine("connect", "accepts connections"), ...findings] }
  }
  const isSettled =
    target.tls !== null && findings.some(({ about, severity }) => about === "alpn" && severity === "trap")
  const not = await notHttp2(target, first.socket)
  if (not !== null) return { target, findings: isSettled ? findings : [...findings, not] }
  const second = await connect(target)
  if (second.socket === null) return { target, findings: [...findings, ...second.findings] }
  return { target, findings: [...findings, ...(await lookAtSession(target, second.socket, clock))] }
}

function plain({ target: { cluster, address, tls }, findings }: Report): object {
  return { cluster, endpoint: address, tls: tls !== null, findings }
}

const MARKS = { trap: "TRAP", warning: "note", fine: "ok" } as const

function linesOf({ target: { cluster, address, tls }, findings }: Report): string[] {
  return [
    `${address} of ${cluster}${tls === null ? "" : ", over TLS"}`,
    ...findings.flatMap(({ severity, message, hint }) => [
      `  ${MARKS[severity].padEnd(4)}  ${message.replace(/[\x00-\x1f\x7f-\x9f]/g, "·")}`,
      ...(hint === null ? [] : [`        ${hint}`]),
    ]),
    "",
  ]
}

function summary(backends: number, traps: number): string {
  const asked = backends === 1 ? "1 backend was asked" : `${backends} backends were asked`
  return traps === 0 ? `${asked}: no trap` : `${asked}: ${traps === 1 ? "1 trap" : `${traps} traps`}`
}
