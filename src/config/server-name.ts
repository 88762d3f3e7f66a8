/** Whether a name in `server_name` or `names` can be a host's; regexes are checked by themselves. */
import type { Severity } from "./problem.ts"

export interface NameProblem {
  severity: Exclude<Severity, "note">
  message: string
  hint: string | null
}

/** As nginx judges names, but that it says nothing of a port. */
export function serverNameProblem(name: string): NameProblem | null {
  const error = (message: string, hint: string | null): NameProblem => ({ severity: "error", message, hint })
  if (name === "~") return error(`empty regex in server name "${name}"`, null)
  if (name.startsWith("~")) return null
  if (name === ".") return error(`server name "${name}" is invalid`, null)
  if (name.startsWith("*") && (name.length < 3 || name[1] !== "."))
    return error(`server name "${name}" is invalid`, STARS)
  const inner = name.replace(/^\*?\.|\.\*$/, "")
  if (inner.includes("*")) return error(`invalid server name or wildcard "${name}"`, STARS)
  if (name.includes("..")) return error(`invalid server name or wildcard "${name}"`, "a label is empty")
  const isSuspicious = name.includes("/") || /^[^[]*:|\]:/.test(name)
  if (!isSuspicious) return null
  const message = `server name "${name}" has suspicious symbols`
  return { severity: "warning", message, hint: "a name has no scheme, port or path" }
}

const STARS = "a * stands for whole labels, at one end"
