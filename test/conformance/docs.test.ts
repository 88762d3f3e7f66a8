import { expect, test } from "vitest"
import { type Measured, markdown, withRuns } from "./docs.ts"
import type { SuiteRun } from "./run.ts"

const ran = (failed: string[], tool = "h2spec v1"): SuiteRun => ({
  name: "h2spec",
  title: "any",
  tool,
  expected: 147,
  outcome: "ran",
  cases: 147,
  failed: failed.map((name) => ({ name, reason: "any" })),
})
const nothing: Measured = { versions: {}, suites: {} }

test("a run replaces its own balancer's counts and leaves the others'", () => {
  const first = withRuns(nothing, "nginx", "1.22.1", [ran(["b", "a"])])
  const second = withRuns(first, "sluice", undefined, [ran([])])
  const third = withRuns(second, "nginx", "1.28.0", [ran(["c"])])
  expect(third).toEqual({
    versions: { nginx: "1.28.0" },
    suites: {
      h2spec: {
        tool: "h2spec v1",
        counts: {
          nginx: { passed: 146, cases: 147, failed: ["c"] },
          sluice: { passed: 147, cases: 147, failed: [] },
        },
      },
    },
  })
})

test("counts of another version of the suite are not kept beside new ones", () => {
  const before = withRuns(nothing, "nginx", "1.22.1", [ran([])])
  const after = withRuns(before, "sluice", undefined, [ran([], "h2spec v2")])
  expect(Object.keys(after.suites.h2spec?.counts ?? {})).toEqual(["sluice"])
})

test("a skipped or broken suite changes nothing", () => {
  const { name, title, tool, expected } = ran([])
  const skipped: SuiteRun = { name, title, tool, expected, outcome: "skipped", reason: "no go" }
  expect(withRuns(nothing, "sluice", undefined, [skipped])).toEqual(nothing)
})

test("the page has a column for each balancer measured and names what Sluice fails", () => {
  const measured = withRuns(withRuns(nothing, "haproxy", "2.6.12", [ran([])]), "sluice", undefined, [
    ran(["http2/6.1 Sends x"]),
  ])
  const page = markdown(measured)
  expect(page).toContain("| suite | made of | cases | Sluice | HAProxy 2.6.12 |")
  expect(page).toContain("| 147 | 146 | 147 |")
  expect(page).toContain("- h2spec: http2/6.1 Sends x")
})
