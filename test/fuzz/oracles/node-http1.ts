/** Requests of HTTP/1.1 as Node's own parser reads them, strict. */
import { createRequire } from "node:module"

export interface NodeRequest {
  readonly method: string
  readonly target: string
  readonly minorVersion: number
  /** Names in lower case and values in turn. */
  readonly fields: readonly string[]
  body: string
  isWhole: boolean
}

export interface NodeReading {
  readonly requests: NodeRequest[]
  /** The code of the error that ended it; null: none did. */
  fault: string | null
}

/** What Node keeps to itself: see its lib/_http_common.js. */
interface Parser {
  [event: number]: unknown
  initialize(kind: number, resource: object, headOctetsMax: number, leniency: number): void
  execute(octets: Buffer): number | (Error & { code: string })
  close(): void
}
interface ParserClass {
  new (): Parser
  readonly REQUEST: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
}
const { HTTPParser, methods } = createRequire(import.meta.url)("node:_http_common") as {
  HTTPParser: ParserClass
  methods: readonly string[]
}

/** Reads `octets` in one piece, to the first fault. */
export function readWithNode(octets: Buffer, headOctetsMax: number): NodeReading {
  const reading: NodeReading = { requests: [], fault: null }
  const parser = new HTTPParser()
  parser.initialize(HTTPParser.REQUEST, {}, headOctetsMax, 0)
  // Long heads come in parts.
  let early: string[] = []
  let earlyTarget = ""
  parser[HTTPParser.kOnHeaders] = (fields: string[], target: string): void => {
    early.push(...fields)
    earlyTarget += target
  }
  parser[HTTPParser.kOnHeadersComplete] = (
    ...[, minorVersion, fields = early, method, target = earlyTarget]: [
      number,
      number,
      string[] | undefined,
      number,
      string | undefined,
    ]
  ): number => {
    const named = fields.map((each, i) => (i % 2 === 0 ? each.toLowerCase() : each.replace(/[\t ]+$/, "")))
    const name = methods[method] ?? ""
    reading.requests.push({ method: name, target, minorVersion, fields: named, body: "", isWhole: false })
    early = []
    earlyTarget = ""
    return 0
  }
  parser[HTTPParser.kOnBody] = (piece: Buffer): void => {
    reading.requests.at(-1)!.body += piece.toString("latin1")
  }
  parser[HTTPParser.kOnMessageComplete] = (): void => {
    reading.requests.at(-1)!.isWhole = true
    early = []
    earlyTarget = ""
  }
  const read = parser.execute(octets)
  parser.close()
  if (typeof read !== "number") reading.fault = read.code
  return reading
}

/** Why Node does not read a request, or not all of one, that we do, where that is right; null: it is a fault. */
export function nodeDiffers(reading: NodeReading, index: number, target: string): string | null {
  const before = reading.requests[index - 1]
  if (reading.fault === null && before !== undefined && asksToSwitch(before.fields))
    return "behind a request that asks for a switch, Node reads nothing more"
  if (reading.fault === "HPE_INVALID_URL" && !target.startsWith("/"))
    return "of an absolute target's authority, Node knows fewer characters; it is held to the rules of host"
  if (reading.fault === "HPE_STRICT")
    return "of a chunk extension, Node reads the words; here it is octets up to CRLF, without control characters"
  return null
}

function asksToSwitch(fields: readonly string[]): boolean {
  return fields.some((name, i) => i % 2 === 0 && name === "upgrade")
}
