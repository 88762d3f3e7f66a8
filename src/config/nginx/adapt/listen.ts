/** `listen`: its parameters, and the one listener that the servers of an address share. */
import { isIPv6 } from "node:net"
import type { Address } from "../../address.ts"
import { didYouMean } from "../../problem.ts"
import { type Directive, type Span, spanOf, type Word } from "../ast.ts"
import { missingSemicolon } from "../check.ts"
import type { Report } from "../report.ts"
import { readNumber, readSecondsMs, readSize } from "../units.ts"
import { readListen } from "./address.ts"

export interface ListenOptions {
  span: Span
  defaultServer: boolean
  ssl: boolean
  http2: boolean
  proxyProtocol: boolean
  backlog: number | null
  reusePort: boolean
  ipv6Only: boolean
  socketKeepalive: boolean
  /** It has a parameter of the socket itself; only one `listen` of an address may. */
  isSet: boolean
}

export function defaultListenOptions(span: Span): ListenOptions {
  return {
    span,
    defaultServer: false,
    ssl: false,
    http2: false,
    proxyProtocol: false,
    backlog: null,
    reusePort: false,
    ipv6Only: true,
    socketKeepalive: false,
    isSet: false,
  }
}

/** Null when it is wrong; then it was reported. */
export function readListenDirective(
  report: Report,
  directive: Directive,
  protocol: "http" | "tcp" = "http",
): { addresses: Address[]; options: ListenOptions } | null {
  const [where, ...parameters] = directive.args as [Word, ...Word[]]
  const addresses = readListen(where.text, protocol === "http" ? "80" : null)
  if ("error" in addresses) {
    report.error(where.span, `${addresses.error} in "${where.text}" of the "listen" directive`)
    return null
  }
  const options = defaultListenOptions(spanOf(directive))
  const right = parameters.every((word) =>
    protocol === "tcp" && !fitsTcp(report, word) ? false : readParameter(report, directive, word, options),
  )
  return right ? { addresses, options } : null
}

/** Parameters of protocols and servers, which every `listen` of an address may have. */
const SWITCHES: Record<string, "defaultServer" | "ssl" | "http2" | "proxyProtocol"> = {
  default_server: "defaultServer",
  default: "defaultServer",
  ssl: "ssl",
  http2: "http2",
  proxy_protocol: "proxyProtocol",
}

/** Parameters of the socket that Node does not offer, and how their values are read. */
const WITHOUT_EFFECT: Record<string, (value: string) => unknown> = {
  "setfib=": readNumber,
  "fastopen=": readNumber,
  "rcvbuf=": readSize,
  "sndbuf=": readSize,
  "accept_filter=": (value) => value,
  bind: (value) => value || true,
  deferred: (value) => value || true,
  multipath: (value) => value || true,
}

const KNOWN = [
  ...Object.keys(SWITCHES),
  ...Object.keys(WITHOUT_EFFECT),
  "backlog=",
  "ipv6only=",
  "reuseport",
  "so_keepalive=",
]

function fitsTcp(report: Report, { text, span }: Word): boolean {
  if (text === "udp") report.error(span, '"udp" is not supported: only TCP is relayed', "keep nginx for UDP")
  else if (text === "http2" || text === "quic" || text === "default")
    report.error(span, `invalid parameter "${text}"`)
  else return true
  return false
}

function readParameter(report: Report, directive: Directive, word: Word, options: ListenOptions): boolean {
  const flag = Object.hasOwn(SWITCHES, word.text) ? SWITCHES[word.text] : undefined
  if (flag !== undefined) {
    options[flag] = true
    return true
  }
  // Its server may have another listen that is not.
  if (word.text === "quic") return true
  const [, name, value] = /^([a-z0-9_]+=?)(.*)$/s.exec(word.text) ?? [undefined, "", ""]
  const right = readSocketParameter(report, word, name!, value!, options)
  if (right === null) {
    const hint = missingSemicolon(directive, ["server"]) ?? didYouMean(word.text, KNOWN)
    report.error(word.span, `invalid parameter "${word.text}"`, hint)
    return false
  }
  options.isSet = true
  if (!right) report.error(word.span, `invalid ${name!.replace("=", "")} "${word.text}"`)
  return right
}

/** Null: there is no such parameter. False: its value is wrong. */
function readSocketParameter(
  report: Report,
  word: Word,
  name: string,
  value: string,
  options: ListenOptions,
): boolean | null {
  switch (name) {
    case "backlog=":
      options.backlog = readNumber(value)
      return Boolean(options.backlog)
    case "reuseport":
      options.reusePort = true
      return value === "" ? true : null
    case "ipv6only=":
      options.ipv6Only = value === "on"
      return value === "on" || value === "off"
    case "so_keepalive=":
      options.socketKeepalive = value !== "off"
      return value === "on" || value === "off" || readKeepalive(report, word, value)
  }
  const read = Object.hasOwn(WITHOUT_EFFECT, name) ? WITHOUT_EFFECT[name] : undefined
  if (read === undefined || (!name.endsWith("=") && value !== "")) return null
  report.note(word.span, `listen ${name.replace("=", "")}`, "the system's default is used")
  return read(value) !== null
}

/** `idle:interval:count`, each of which may be left out. */
function readKeepalive(report: Report, word: Word, value: string): boolean {
  const [idle, interval, count, ...more] = value.split(":") as [string, string?, string?, ...string[]]
  const right =
    more.length === 0 &&
    value.replaceAll(":", "") !== "" &&
    (idle === "" || readSecondsMs(idle) !== null) &&
    (!interval || readSecondsMs(interval) !== null) &&
    (!count || readNumber(count) !== null)
  if (right) report.note(word.span, "listen so_keepalive", "keepalive is on, at the system's intervals")
  return right
}

/** True when one socket would take the other's connections: the system refuses to open both. */
export function overlaps(wildcard: Address, other: Address, ipv6Only: boolean): boolean {
  if (wildcard.port === null || wildcard.port !== other.port || wildcard.host === other.host) return false
  if (wildcard.host === "0.0.0.0") return !isIPv6(other.host!)
  return wildcard.host === "::" && (isIPv6(other.host!) || !ipv6Only)
}
