import { specsOf } from "../../../src/config/nginx/directives/table.ts"
import type { Problem } from "../../../src/config/problem.ts"
import type { NginxAnswer } from "./nginx-test.ts"

/** One file, and what each of the two says of it. */
export interface Verdicts {
  readonly text: string
  readonly accepted: boolean
  readonly problems: readonly Problem[]
  readonly theirs: NginxAnswer
}

/** A difference between us and nginx that is meant to be. */
export interface Difference {
  readonly name: string
  readonly why: string
  readonly applies: (verdicts: Verdicts) => boolean
}

const weRefuse =
  (pattern: RegExp) =>
  ({ accepted, problems }: Verdicts) =>
    !accepted && problems.some(({ severity, message }) => severity === "error" && pattern.test(message))
const weTake = (pattern: RegExp) => (verdicts: Verdicts) =>
  verdicts.accepted && pattern.test(verdicts.theirs.said)

/** The directive that begins there. */
function directiveAt(text: string, { line, column }: Problem): string {
  const lines = text.split("\n")
  return /^[^;]*;?/.exec([lines[line - 1]!.slice(column - 1), ...lines.slice(line)].join("\n"))![0]
}

/** nginx names the line on which a directive ends, and none for a variable, which it looks for at the end of the file. */
function isOf(problem: Problem, { text, theirs }: Verdicts): boolean {
  const directive = directiveAt(text, problem)
  const [, variable] = /^unknown "(.*)" variable/s.exec(theirs.said) ?? []
  if (variable !== undefined) return new RegExp(`\\$\\{?${variable}`).test(directive)
  return problem.line <= theirs.line && theirs.line < problem.line + directive.split("\n").length
}

export const DIFFERENCES: readonly Difference[] = [
  {
    name: "not supported",
    why: "nginx does what is not a balancer's work, or what this one does not do; each of our errors says so",
    applies: ({ accepted, problems }) =>
      !accepted &&
      problems.every(({ severity, message }) => severity !== "error" || message.includes("not supported")),
  },
  {
    name: "no effect",
    why: "of a directive that has no effect here, the arguments are not read",
    applies: (verdicts) =>
      verdicts.accepted &&
      verdicts.problems.some((problem) => problem.severity === "note" && isOf(problem, verdicts)),
  },
  {
    name: "another build",
    why: "what is known to us is of a module that this nginx was built without, or of a later nginx",
    applies: ({ accepted, theirs }) => {
      const [, name] = /^unknown directive "(.*)"/.exec(theirs.said) ?? []
      return accepted && name !== undefined && specsOf(name).length > 0
    },
  },
  {
    name: "of the machine",
    why: "nginx looks up names and users, and opens what it reads, as it reads; no more of the file is judged",
    applies: weTake(/host not found in|\(\d+: .+\)$|^(getpwnam|getgrnam|ENGINE_by_id)\(/s),
  },
  {
    name: "a file without its frame",
    why: "a part of nginx.conf says all that is needed, and a byte order mark does no harm",
    applies: (verdicts) =>
      weTake(/^unknown directive "\ufeff|^no "events"/)(verdicts) ||
      (weTake(/^"\w+" directive is not allowed here/)(verdicts) && !/^[^#]*\bhttp\b/m.test(verdicts.text)),
  },
  {
    name: "TLS where there is none",
    why: "what a server, or a location to a backend, without TLS says of it is not looked at",
    applies: (verdicts) =>
      verdicts.accepted && /\b(?:grpc_)?ssl_/.test(verdicts.text.split("\n")[verdicts.theirs.line - 1] ?? ""),
  },
  {
    name: "a log in no known format",
    why: "where no server writes it, it is not looked at",
    applies: weTake(/^unknown log format/),
  },
  {
    name: "logging to syslog",
    why: "it is not written, and said so; what it is to be written with is not looked at",
    applies: weTake(/^(unknown|invalid|empty|too long|duplicate) syslog|^no syslog server/),
  },
  {
    name: "never read by nginx",
    why: "what nginx looks at when something uses it is looked at all the same: names that no client can ask for, variables that do not exist",
    applies: weRefuse(/^(invalid server name|invalid variable name|unknown ".*" variable)/s),
  },
  {
    name: "what cannot be sent or shown",
    why: "a header with such a name breaks HTTP, and words that are no UTF-8 cannot be told apart when they are shown",
    applies: weRefuse(/is no header name|not valid UTF-8/),
  },
  {
    name: "addresses with empty parts",
    why: "nginx reads ... as 0.0.0.0",
    applies: weRefuse(/^invalid address "(?:\d*\.){3}\d*/),
  },
  {
    name: "no workers",
    why: "nginx starts, and serves nobody",
    applies: weRefuse(/^"worker_processes" directive invalid value "0+"/),
  },
]
