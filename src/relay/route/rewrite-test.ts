import type { RewriteTest } from "../../config/model.ts"
import type { RequestState } from "../../record/request-state.ts"
import type { Template } from "../../record/template.ts"
import { isOfKind } from "./file-kind.ts"
import { keepMatch } from "./kept-match.ts"
import type { RegexOf } from "./regexes.ts"
import type { PhaseContext, PhasedCall } from "./route.ts"

/** Whether a request passes. `limit`: a regex took too many steps to tell. */
export type Test = (call: PhasedCall, state: RequestState, context: PhaseContext) => boolean | "limit"

/** The condition of nginx's `if`. */
export function compileTest(
  test: RewriteTest,
  { regexOf, templateOf }: { readonly regexOf: RegexOf; templateOf(source: string): Template },
): Test {
  const value = templateOf(test.value)
  switch (test.operator) {
    case "set":
    case "unset": {
      const wanted = test.operator === "set"
      return ({ record }, _state, { env }) => isSet(value.render(record, env)) === wanted
    }
    case "=":
    case "!=": {
      const text = templateOf(test.text)
      const wanted = test.operator === "="
      return ({ record }, _state, { env }) =>
        (value.render(record, env) === text.render(record, env)) === wanted
    }
    case "~":
    case "!~":
    case "~*":
    case "!~*": {
      const isCaseless = test.operator.endsWith("*")
      const wanted = !test.operator.startsWith("!")
      const regex = regexOf(test.pattern, isCaseless)
      return ({ record }, state, { env }) => {
        const match = regex.exec(value.render(record, env))
        return match === "limit" ? match : keepMatch(state, regex, match) === wanted
      }
    }
    default: {
      const wanted = !test.operator.startsWith("!")
      const kind = test.operator.at(-1) as "f" | "d" | "e" | "x"
      return ({ record }, _state, { env }) => isOfKind(kind, value.render(record, env)) === wanted
    }
  }
}

/** Neither empty nor 0. */
function isSet(value: string): boolean {
  return value !== "" && value !== "0"
}
