/** Envoy's ext_authz. Source: envoy/service/auth/v3/external_auth.proto, attribute_context.proto. */
import { textOfOctets } from "../../base/octet-text.ts"
import type { HeaderChange } from "../../record/header-change.ts"
import type { ConnectionRecord, StreamRecord } from "../../record/record.ts"
import type { CheckAnswer } from "../../relay/route/service-messages.ts"
import { addChange, readOption } from "./header-value.ts"
import { MessageWriter, numberField, octetsField, readMessage, textField } from "./wire.ts"

/** `CheckRequest`. */
export function checkRequest(
  record: StreamRecord,
  extensions: readonly (readonly [name: string, value: string])[],
  wallMs: number,
): Uint8Array {
  const { connection } = record
  return new MessageWriter()
    .message(1, (attributes) => {
      const { tls } = connection
      const client = record.state?.realClient
      const address = client?.address ?? connection.remoteAddress
      attributes.message(1, (peer) => {
        writeAddress(peer, address, client == null ? connection.remotePort : client.port)
        peer.text(4, tls?.clientSubject ?? "").text(5, certificateOf(connection))
      })
      attributes.message(2, (peer) => {
        writeAddress(peer, connection.localAddress, connection.localPort)
        peer.text(4, tls?.serverName ?? "")
      })
      attributes.message(4, (request) => {
        const nanos = (wallMs % 1000) * 1_000_000
        request.message(1, (time) => time.number(1, Math.floor(wallMs / 1000)).number(2, nanos))
        request.message(2, (http) => writeHttp(http, record))
      })
      for (const [name, value] of extensions) attributes.entry(10, name, textOfOctets(value))
      if (tls !== null) attributes.message(12, (session) => session.text(1, tls.serverName ?? ""))
    })
    .finish()
}

/** PEM, percent-encoded. */
function certificateOf({ tls }: ConnectionRecord): string {
  return tls?.clientCertificate == null ? "" : encodeURIComponent(tls.clientCertificate.pem)
}

/** `Peer.address`. */
function writeAddress(peer: MessageWriter, address: string, port: number): void {
  peer.message(1, (outer) => outer.message(1, (socket) => socket.text(2, address).number(3, port)))
}

/** `HttpRequest`. */
function writeHttp(http: MessageWriter, record: StreamRecord): void {
  const { requestHeaders, method, path, authority, scheme, connection } = record
  http.text(2, method)
  for (const [name, value] of fieldsByName(requestHeaders.fields)) http.entry(3, name, textOfOctets(value))
  http.text(4, textOfOctets(path)).text(5, textOfOctets(authority)).text(6, scheme)
  // The length of a body that is to come is not known, unless the request says it.
  const length = Number(requestHeaders.get("content-length") ?? -1)
  http.number(9, Number.isSafeInteger(length) ? length : -1)
  http.text(10, connection.protocol === "HTTP/2.0" ? "HTTP/2" : connection.protocol)
}

/** Of several with a name the values, with commas between; cookies as one. */
function fieldsByName(fields: readonly string[]): Map<string, string> {
  const all = new Map<string, string>()
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    const before = all.get(name)
    const separator = name === "cookie" ? "; " : ","
    all.set(name, before === undefined ? fields[i + 1]! : `${before}${separator}${fields[i + 1]!}`)
  }
  return all
}

/** `CheckResponse`. Null: it is none. */
export function readCheck(message: Buffer): CheckAnswer | null {
  let code = 0
  let denied: Uint8Array | null = null
  let ok: Uint8Array | null = null
  let isError = false
  try {
    readMessage(message, {
      1: octetsField((status) => readMessage(status, { 1: numberField((value) => (code = value)) })),
      2: octetsField((octets) => (denied = octets)),
      3: octetsField((octets) => (ok = octets)),
      5: octetsField(() => (isError = true)),
    })
    if (code === 0) return readOk(ok ?? new Uint8Array())
    return isError ? { kind: "error" } : readDenied(denied ?? new Uint8Array())
  } catch {
    return null
  }
}

function readOk(octets: Uint8Array): CheckAnswer {
  const requestChanges: HeaderChange[] = []
  const responseChanges: HeaderChange[] = []
  const removed: HeaderChange[] = []
  readMessage(octets, {
    2: octetsField((option) => take(option, requestChanges)),
    5: textField((name) => addChange({ name: name.toLowerCase(), value: "", action: "remove" }, removed)),
    6: octetsField((option) => take(option, responseChanges)),
  })
  // As in Envoy: what is set and taken out is gone.
  return { kind: "ok", requestChanges: [...requestChanges, ...removed], responseChanges }
}

function take(option: Uint8Array, into: HeaderChange[]): void {
  const change = readOption(option)
  if (change !== null) addChange(change, into)
}

const FORBIDDEN = 403
const NOT_MODIFIED = 304

/** One that would let the client believe that it was let in, now or before, is none. */
function isDenial(status: number): boolean {
  return status >= 300 && status <= 599 && status !== NOT_MODIFIED
}

function readDenied(octets: Uint8Array): CheckAnswer {
  let status = 0
  let body = ""
  const responseChanges: HeaderChange[] = []
  readMessage(octets, {
    1: octetsField((inner) => readMessage(inner, { 1: numberField((value) => (status = value)) })),
    2: octetsField((option) => take(option, responseChanges)),
    3: textField((text) => (body = text)),
  })
  return {
    kind: "denied",
    status: isDenial(status) ? status : FORBIDDEN,
    responseChanges,
    body,
  }
}
