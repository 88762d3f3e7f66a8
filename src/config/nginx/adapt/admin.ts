import { adminAddress, adminProblem } from "../../admin-address.ts"
import type { AdminListenConfig, Config } from "../../model.ts"
import { type Directive, spanOf } from "../ast.ts"
import { type Adapter, fullPath } from "./adapter.ts"

/** `sluice_admin off | ADDRESS [token=FILE] [host=NAME]...;` */
export function adaptAdmin(adapter: Adapter, directive: Directive, config: Config): void {
  const { report } = adapter
  const [first, ...options] = directive.args
  const { text, span } = first!
  if (text === "off") {
    config.admin = "off"
    return
  }
  const address = adminAddress(text)
  if (address === null)
    return report.error(span, `invalid address "${text}" in "sluice_admin" directive`, EXAMPLES)
  const { host, port, unixPath } = address
  const admin: AdminListenConfig = { host, port, unixPath, tokenFile: null, hosts: [] }
  for (const word of options) {
    const [, name, value] = /^(token|host)=(.+)$/.exec(word.text) ?? []
    if (name === "token") admin.tokenFile = fullPath(adapter, { ...word, text: value! })
    else if (name === "host") admin.hosts.push(value!)
    else
      return report.error(word.span, `invalid parameter "${word.text}"`, "token=/path/of/a/file or host=name")
  }
  const problem = adminProblem(admin)
  if (problem !== null) return report.error(spanOf(directive), problem, "token=/path/of/a/file")
  config.admin = admin
}

const EXAMPLES = "127.0.0.1:9901, a port of this machine, unix:/run/sluice/admin.sock, or off"

/** `sluice_metrics full | basic;` */
export function adaptMetrics({ report }: Adapter, directive: Directive, config: Config): void {
  const { text, span } = directive.args[0]!
  if (text === "full" || text === "basic") config.metrics = text
  else report.error(span, `invalid value "${text}" in "sluice_metrics" directive`, '"full" or "basic"')
}
