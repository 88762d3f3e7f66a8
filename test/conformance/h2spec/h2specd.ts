import { connect } from "node:http2"
import { setTimeout as sleep } from "node:timers/promises"
import { freePort, freePortRange, listening, start } from "../child.ts"
import { goProgram } from "../go-modules.ts"
import type { SuiteContext, SuiteResult } from "../result.ts"
import { scope } from "../scope.ts"
import { startFront } from "../through.ts"
import { type H2specdCase, readReport } from "./h2specd-report.ts"

const cases = 57
/** Longest wait for one case: h2specd gives up on its own after two seconds of silence. */
const caseTimeoutMs = 6000
const callsAtOnce = 8
/** Sooner than a balancer connects again. */
const pollMs = 20

/**
 * h2specd plays a bad server: one port for each case, where it misbehaves to all that connect. The balancer has one
 * route for each of them and gets one request for each, so it is the HTTP/2 client under test.
 */
export async function h2specd({ through }: SuiteContext): Promise<SuiteResult> {
  const program = await goProgram("h2spec", "h2specd")
  return scope(async (defer) => {
    const firstPort = await freePortRange(cases)
    const reportPort = await freePort()
    const args = ["--strict", "--from-port", `${firstPort}`, "--port", `${reportPort}`]
    const server = start(program, args)
    defer(server.stop)
    await listening(reportPort, server, "h2specd")

    const casePorts = Array.from({ length: cases }, (_, index) => firstPort + index)
    const front = await startFront(
      through,
      casePorts.map((port) => ({ path: pathOf(port), port })),
      // A connection made to find out whether a backend is back would play its case anew.
      { neverEjects: true },
    )
    defer(front.stop)

    const queue = casePorts.values()
    const verdicts = new Map<number, H2specdCase>()
    const caller = async () => {
      for (const port of queue) {
        const verdict = await callOne(front.portFor(pathOf(port)), port, reportPort)
        if (verdict !== undefined) verdicts.set(port, verdict)
      }
    }
    await Promise.all(Array.from({ length: callsAtOnce }, caller))
    return toResult((await report(reportPort)).map((entry) => verdicts.get(entry.port) ?? entry))
  })
}

const pathOf = (casePort: number) => `/case-${casePort}`

/**
 * One request on a connection of its own, held until h2specd has judged the case. The first verdict counts: a balancer that
 * connects again to see whether the endpoint is back, by a PING of its own, is judged again, by a test that knows no PING
 * but its own.
 */
async function callOne(port: number, casePort: number, reportPort: number): Promise<H2specdCase | undefined> {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on("error", () => {})
  const stream = session.request({ ":method": "GET", ":path": pathOf(casePort) })
  stream.on("error", () => {})
  stream.resume()
  const deadline = Date.now() + caseTimeoutMs
  try {
    while (Date.now() < deadline) {
      await sleep(pollMs)
      const mine = (await report(reportPort)).find((entry) => entry.port === casePort)
      if (mine !== undefined && mine.outcome !== "not called") return mine
    }
    return undefined
  } finally {
    session.destroy()
  }
}

async function report(port: number): Promise<H2specdCase[]> {
  const response = await fetch(`http://127.0.0.1:${port}/report`)
  return readReport(await response.text())
}

function toResult(entries: H2specdCase[]): SuiteResult {
  const failed = entries.filter((entry) => entry.outcome !== "passed")
  return {
    cases: entries.length,
    failed: failed.map(({ name, outcome, reason }) => ({
      name,
      reason: outcome === "not called" ? "nobody connected to it" : reason,
    })),
  }
}
