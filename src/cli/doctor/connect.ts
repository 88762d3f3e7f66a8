import { lookup } from "node:dns/promises"
import { readFileSync } from "node:fs"
import { connect as connectSocket, isIP, type Socket } from "node:net"
import { checkServerIdentity, connect as connectTls, type PeerCertificate, type TLSSocket } from "node:tls"
import { systemClock } from "../../base/clock.ts"
import { fixedName } from "../../config/endpoint-name.ts"
import { type Finding, fine, trap, warning } from "./finding.ts"
import type { Target } from "./targets.ts"

export const CONNECT_MS = 5000
/** A certificate that ends sooner is worth a word. */
const EXPIRES_SOON_MS = 14 * 86_400_000

/** Headers of the PROXY protocol that say nothing of the client. */
const HEADERS = {
  v1: Buffer.from("PROXY UNKNOWN\r\n", "latin1"),
  v2: Buffer.from("0d0a0d0a000d0a515549540a20000000", "hex"),
}

/** A socket on which HTTP/2 may be tried, or none, and what was found on the way. */
export interface Connected {
  readonly socket: Socket | null
  readonly findings: readonly Finding[]
}

export async function connect(target: Target): Promise<Connected> {
  const unresolved = await resolves(target)
  if (unresolved !== null) return { socket: null, findings: [unresolved] }
  const { tls } = target
  if (tls !== null) return connectSecurely(target)
  try {
    return { socket: await opened(plainSocket(target), "connect"), findings: [] }
  } catch (error) {
    return { socket: null, findings: [unreachable(error as Error)] }
  }
}

async function resolves({ host }: Target): Promise<Finding | null> {
  if (host === null || isIP(host) !== 0) return null
  try {
    await lookup(host, { all: true })
    return null
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const what = code === "ENOTFOUND" ? "does not resolve" : `cannot be looked up now (${code})`
    return trap(
      "dns",
      `the name ${host} ${what}`,
      "check the name, and that this machine's resolver knows it",
    )
  }
}

export function plainSocket({ host, port, unixPath }: Target): Socket {
  return unixPath === null ? connectSocket({ host: host!, port: port! }) : connectSocket(unixPath)
}

function unreachable(error: NodeJS.ErrnoException): Finding {
  const { code, message } = error
  if (code === "ECONNREFUSED") return trap("connect", "nothing listens there: the connection is refused")
  if (code === "ENOENT") return trap("connect", "the socket's file does not exist")
  return trap("connect", `no connection: ${message}`)
}

async function connectSecurely(target: Target): Promise<Connected> {
  const tls = target.tls!
  const name = fixedName(tls) ?? target.host ?? ""
  const protocols = target.protocol === "http2" ? ["h2"] : (tls.alpnProtocols ?? [])
  let socket: TLSSocket
  try {
    const plain = target.header === "none" ? plainSocket(target) : await introduced(target, target.header)
    socket = connectTls({
      socket: plain,
      ALPNProtocols: protocols,
      // What is wrong with it is said below.
      rejectUnauthorized: false,
      ...(isIP(name) === 0 && tls.sendServerName && { servername: name }),
      ...(tls.caFile !== null && { ca: readFileSync(tls.caFile) }),
      ...(tls.certFile !== null && { cert: readFileSync(tls.certFile) }),
      ...(tls.keyFile !== null && { key: readFileSync(tls.keyFile) }),
    })
    await opened(socket, "secureConnect")
  } catch (error) {
    return { socket: null, findings: [noHandshake(target, error as NodeJS.ErrnoException)] }
  }
  const findings = certificateFindings(socket, name, target)
  if (target.protocol === "tcp") findings.push(...alpnFindings(socket, protocols))
  else if (socket.alpnProtocol === "h2") findings.push(fine("alpn", "agrees to h2 by ALPN"))
  else
    findings.push(
      trap(
        "alpn",
        "does not agree to h2 by ALPN",
        "have the backend offer h2: gRPC clients refuse it without",
      ),
    )
  return { socket, findings }
}

/** Connected, and the header is on its way. */
async function introduced(target: Target, header: "v1" | "v2"): Promise<Socket> {
  const socket = await opened(plainSocket(target), "connect")
  socket.write(HEADERS[header])
  return socket
}

/** Of those that are offered it may take none. */
function alpnFindings({ alpnProtocol }: TLSSocket, offered: readonly string[]): Finding[] {
  if (offered.length === 0) return []
  return alpnProtocol === false || alpnProtocol === null
    ? [warning("alpn", `takes none of the protocols that it is offered: ${offered.join(", ")}`)]
    : [fine("alpn", `agrees to ${alpnProtocol} by ALPN`)]
}

function noHandshake({ protocol }: Target, error: NodeJS.ErrnoException): Finding {
  const { code = "", message } = error
  const plain = protocol === "tcp" ? "proxy_ssl off (tls: false)" : "grpc:// (tls: false)"
  if (code === "ECONNREFUSED" || code === "ENOENT") return unreachable(error)
  if (
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_OVERFLOW/.test(code) ||
    /wrong version number/.test(message)
  )
    return trap(
      "tls",
      "speaks no TLS on this port, and the route does",
      protocol === "tcp" ? `use ${plain}` : "use grpc:// in place of grpcs:// (tls: false)",
    )
  if (/NO_APPLICATION_PROTOCOL/.test(code))
    return protocol === "tcp"
      ? trap(
          "alpn",
          "refuses the protocols that it is offered by ALPN",
          "proxy_ssl_alpn (tls.alpn) names others",
        )
      : trap("alpn", "refuses h2 by ALPN", "have the backend offer h2, or use another port")
  if (code === "ECONNRESET" || code === "EPIPE")
    return trap("tls", "closed the connection during the TLS handshake", `it may speak no TLS here: ${plain}`)
  return trap("tls", `the TLS handshake fails: ${message}`)
}

function certificateFindings(socket: TLSSocket, name: string, { protocol, tls }: Target): Finding[] {
  const isVerified = tls!.verify
  const family = protocol === "tcp" ? "proxy_ssl" : "grpc_ssl"
  const certificate = socket.getPeerCertificate()
  const found: Finding[] = []
  const severity = isVerified ? trap : warning
  const unchecked = isVerified
    ? null
    : `it is not verified here; ${family}_verify (tls.verify) would refuse it`
  const now = systemClock.wallMs()
  const ends = Date.parse(certificate.valid_to)
  if (ends < now)
    found.push(severity("certificate", `its certificate expired at ${certificate.valid_to}`, unchecked))
  else if (ends - now < EXPIRES_SOON_MS)
    found.push(warning("certificate", `its certificate expires soon, at ${certificate.valid_to}`))
  if (Date.parse(certificate.valid_from) > now)
    found.push(
      severity("certificate", `its certificate is not valid before ${certificate.valid_from}`, unchecked),
    )
  if (name !== "" && isForAnother(name, certificate))
    found.push(
      severity(
        "certificate",
        `its certificate is for ${namesOf(certificate)}, not for ${name}`,
        unchecked ?? `${family}_name (tls.serverName) says another`,
      ),
    )
  const { authorizationError } = socket
  const reason =
    authorizationError === null
      ? ""
      : String((authorizationError as { code?: string }).code ?? authorizationError)
  if (reason !== "" && !/EXPIRED|NOT_YET_VALID|ALTNAME/.test(reason))
    found.push(
      severity(
        "certificate",
        `its certificate comes from an authority that is not trusted (${reason})`,
        unchecked ?? `${family}_trusted_certificate (tls.ca) names the authority`,
      ),
    )
  return found
}

function isForAnother(name: string, certificate: PeerCertificate): boolean {
  return checkServerIdentity(name, certificate) !== undefined
}

function namesOf({ subjectaltname, subject }: PeerCertificate): string {
  return subjectaltname ?? String(subject?.CN ?? "no name")
}

/** Errors: throws the socket's, or that it took too long; the socket is gone then. */
export function opened<S extends Socket>(socket: S, event: "connect" | "secureConnect"): Promise<S> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      timer.cancel()
      socket.destroy()
      reject(error)
    }
    const timer = systemClock.after(CONNECT_MS, () =>
      fail(new Error(`nothing within ${CONNECT_MS / 1000} s`)),
    )
    socket.once("error", fail)
    socket.once("close", () =>
      fail(Object.assign(new Error("it closed the connection"), { code: "ECONNRESET" })),
    )
    socket.once(event, () => {
      timer.cancel()
      socket.removeListener("error", fail)
      socket.removeAllListeners("close")
      socket.on("error", () => {})
      resolve(socket)
    })
  })
}
