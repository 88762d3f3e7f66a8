import { adminAddress } from "../../admin-address.ts"
import type { Config, XdsListenConfig } from "../../model.ts"
import { type Directive, spanOf } from "../ast.ts"
import { type Adapter, fullPath } from "./adapter.ts"

const FILES = { certificate: "certFile", key: "keyFile", client_ca: "clientCaFile" } as const
const EXAMPLE = "127.0.0.1:18000 certificate=/path/of/a/file key=/path/of/a/file client_ca=/path/of/a/file"

/** `sluice_xds ADDRESS [certificate=FILE key=FILE [client_ca=FILE]];` */
export function adaptXds(adapter: Adapter, directive: Directive, config: Config): void {
  const { report } = adapter
  const [first, ...options] = directive.args
  const address = adminAddress(first!.text)
  if (address === null)
    return report.error(first!.span, `invalid address "${first!.text}" in "sluice_xds" directive`, EXAMPLE)
  const xds: XdsListenConfig = { address: address.text, certFile: null, keyFile: null, clientCaFile: null }
  for (const word of options) {
    const [, name, text] = /^(certificate|key|client_ca)=(.+)$/.exec(word.text) ?? []
    if (name === undefined) return report.error(word.span, `invalid parameter "${word.text}"`, EXAMPLE)
    xds[FILES[name as keyof typeof FILES]] = fullPath(adapter, { ...word, text: text! })
  }
  if (
    (xds.certFile === null) !== (xds.keyFile === null) ||
    (xds.clientCaFile !== null && xds.certFile === null)
  )
    return report.error(
      spanOf(directive),
      "certificate= and key= belong together, client_ca= to both",
      EXAMPLE,
    )
  config.xds = xds
}
