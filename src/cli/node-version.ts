import { createRequire } from "node:module"

/**
 * Why this Node cannot run Sluice, in one sentence; null: it can. What follows would fail for want of this or that, with a
 * stack trace.
 */
export function nodeProblem(version: string): string | null {
  const { engines } = createRequire(import.meta.url)("sluice/package.json") as { engines: { node: string } }
  if (satisfies(version, engines.node)) return null
  return `it runs on Node.js ${inWords(engines.node)}; this is ${version}`
}

/** For the ranges of our own package.json: `^22.19 || >=26`. */
function satisfies(version: string, ranges: string): boolean {
  const [major, minor] = numbersOf(version)
  return ranges.split("||").some((range) => {
    const [least, leastMinor] = numbersOf(range)
    if (major === least) return minor >= leastMinor
    return range.includes(">=") && major > least
  })
}

function numbersOf(text: string): [major: number, minor: number] {
  const [, major, minor] = /(\d+)(?:\.(\d+))?/.exec(text) ?? []
  return [Number(major), Number(minor ?? 0)]
}

/** `22.19 or a later 22, 24.11 or a later 24, or 26 or later`. */
function inWords(ranges: string): string {
  const words = ranges.split("||").map((range) => {
    const least = /[\d.]+/.exec(range)![0]
    return range.includes(">=") ? `${least} or later` : `${least} or a later ${numbersOf(least)[0]}`
  })
  return `${words.slice(0, -1).join(", ")}, or ${words.at(-1)}`
}
