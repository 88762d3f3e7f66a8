import assert from "node:assert/strict"
import type { Config } from "../../../src/config/model.ts"
import { type Problem, renderProblem, type Sources } from "../../../src/config/problem.ts"

/** A configuration is there unless a problem is an error; every problem has its place in a file, and can be shown. */
export function checkProblems(config: Config | null, problems: readonly Problem[], sources: Sources): void {
  assert.equal(
    config === null,
    problems.some(({ severity }) => severity === "error"),
    "config or an error",
  )
  for (const problem of problems) {
    const text = sources.get(problem.file)
    assert(text !== undefined, `a problem in ${problem.file}, which was not read`)
    const lines = text.split("\n").length
    const { line, column, length } = problem
    assert(
      line >= 0 && line <= lines && column >= 0 && length >= 1,
      `line ${line}, column ${column}, ${length} long`,
    )
    assert(problem.message.length > 0)
  }
  if (problems.length > 0) renderProblem(problems[0]!, sources, { color: true })
}
