import type { FailedCase, SuiteResult } from "../result.ts"

/**
 * Reads h2spec's JUnit report: `<testcase package="http2/6.9.1" classname="what it sends">`, with `<failure>` or
 * `<error>` inside when it failed. A skipped case proves nothing, so it counts as failed.
 */
export function readJunit(xml: string): SuiteResult {
  const failed: FailedCase[] = []
  let cases = 0
  for (const [, attributes = "", , body = ""] of xml.matchAll(
    /<testcase ([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g,
  )) {
    cases++
    const outcome = body.match(/<(failure|error|skipped)>([\s\S]*?)<\/\1>/)
    if (outcome === null) continue
    const name = `${attribute(attributes, "package")} ${attribute(attributes, "classname")}`
    const reason = outcome[1] === "skipped" ? "skipped" : text(outcome[2] ?? "")
    failed.push({ name, reason })
  }
  return { cases, failed }
}

function attribute(attributes: string, name: string): string {
  return text(attributes.match(new RegExp(`${name}="([^"]*)"`))?.[1] ?? "")
}

const entities: Record<string, string> = {
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  amp: "&",
  "#34": '"',
  "#39": "'",
  "#xA": "\n",
}

function text(escaped: string): string {
  return escaped
    .replace(/&([^;]+);/g, (whole, name: string) => entities[name] ?? whole)
    .replace(/\s+/g, " ")
    .trim()
}
