/** Regexes of nginx.conf: checked where they are written, compiled by who matches with them. */
import { octetText } from "../../base/octet-text.ts"
import { compileRegex, Regex } from "../../regex/regex.ts"
import type { Word } from "./ast.ts"
import type { Report } from "./report.ts"

/**
 * Whether a pattern can be matched with. What is wrong with it is an error; what a backtracking engine could take long
 * for is a note, or a warning where this one has to go back over its choices too.
 *
 * @param word where the pattern is written
 * @param subject what it belongs to, for notes: `location`
 */
export function checkRegex(report: Report, { span }: Word, pattern: string, subject: string): boolean {
  const regex = compileRegex(octetText(pattern))
  if (!(regex instanceof Regex)) {
    report.error(span, `cannot read the regex "${pattern}": ${regex.error}`)
    return false
  }
  const { explosion, isLinear } = regex
  if (explosion === null) return true
  if (isLinear)
    report.note(
      span,
      `${subject} ~ ${pattern}`,
      `a text can be made for which nginx's regex engine takes ${explosion} time; here it takes linear time`,
    )
  else
    report.warning(
      span,
      `a text can be made for which this regex takes ${explosion} time: such a request is answered 500`,
      "after limits.regexSteps; without lookaround, references and atomic groups it would take linear time",
    )
  return true
}
