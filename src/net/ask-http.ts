import { request } from "node:http"
import type { Socket } from "node:net"
import { octetText } from "../base/octet-text.ts"
import { VERSION } from "../base/version.ts"
import type { HealthAnswer } from "../config/health-match.ts"
import { refuseUpgrade } from "./refuse-upgrade.ts"

/** As NGINX Plus: what follows in a body is not looked at. */
const BODY_OCTETS_MAX = 256 * 1024

export interface AskHttp {
  /** A name of any kind: one that cannot be written is not. */
  readonly host: string
  readonly uri: string
  /** False: it has answered with its head, whose body may have no end. */
  readonly wantsBody: boolean
  onAnswer(answer: HealthAnswer): void
  onError(error: NodeJS.ErrnoException): void
}

/** Asks an endpoint by HTTP/1.1 over `socket`, which is its own. One of the two is called; maybe an error after an answer. */
export function askHttp(socket: Socket, { host, uri, wantsBody, onAnswer, onError }: AskHttp): void {
  const headers = { host: writableHost(host), "user-agent": `sluice/${VERSION}`, connection: "close" }
  const asking = request({ createConnection: () => socket, method: "GET", path: uri, headers })
  asking.on("error", onError)
  refuseUpgrade(asking)
  asking.on("response", (response) => {
    const pieces: Buffer[] = []
    let octets = 0
    let isDone = false
    const done = (): void => {
      if (isDone) return
      isDone = true
      const body = Buffer.concat(pieces).toString("latin1", 0, BODY_OCTETS_MAX)
      const found = Object.entries(response.headersDistinct).map(
        ([name, values]) => [name, values!.join(", ")] as const,
      )
      onAnswer({ status: response.statusCode!, headers: new Map(found), body })
    }
    response.on("error", onError)
    if (!wantsBody) return done()
    response.on("data", (piece: Buffer) => {
      if (isDone) return
      pieces.push(piece)
      octets += piece.length
      if (octets >= BODY_OCTETS_MAX) done()
    })
    response.once("end", done)
  })
  asking.end()
}

function writableHost(name: string): string {
  const octets = octetText(name)
  return /^[!-~\x80-\xff]+$/.test(octets) ? octets : "localhost"
}
