import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2"
import type { Duplex } from "node:stream"
import type { Clock } from "../../base/clock.ts"
import { durationText } from "../../config/yaml/scalars.ts"
import { type Finding, fine, trap, warning } from "./finding.ts"
import type { Target } from "./targets.ts"

const CALL_MS = 5000
/** Servers end connections for the third PING too many (grpc-go, grpc-java, gRPC C). */
const PINGS = 5
/** Fewer streams a connection, and thousands of chats need dozens of connections. */
const FEW_STREAMS = 100
const PING_INTERVAL_SAFE_MS = 300_000

/** What an HTTP/2 connection to the backend says: its limit of streams, health, reflection, and how it takes PINGs. */
export async function lookAtSession(target: Target, socket: Duplex, clock: Clock): Promise<Finding[]> {
  const session = connectHttp2(`http://${target.host ?? "localhost"}`, { createConnection: () => socket })
  session.on("error", () => {})
  try {
    const settings = await remoteSettings(session, clock)
    if (settings === null) return [trap("h2", "sends no SETTINGS")]
    const findings = [fine("h2", "speaks HTTP/2"), streamLimit(settings.maxConcurrentStreams, target)]
    const scheme = target.tls === null ? "http" : "https"
    findings.push(healthOf(await call(session, scheme, "/grpc.health.v1.Health/Check", EMPTY, clock)))
    findings.push(...(await reflection(session, scheme, target, clock)))
    // Last: it may cost the connection.
    findings.push(await pingPolicy(session, target, clock))
    return findings
  } finally {
    session.destroy()
  }
}

function remoteSettings(
  session: ClientHttp2Session,
  clock: Clock,
): Promise<{ maxConcurrentStreams?: number } | null> {
  return new Promise((resolve) => {
    session.once("remoteSettings", resolve)
    session.once("close", () => resolve(null))
    clock.after(CALL_MS, () => resolve(null))
  })
}

function streamLimit(most: number | undefined, { maxConnections }: Target): Finding {
  if (most === undefined || most >= 2 ** 31)
    return fine("stream-limit", "sets no limit of streams on a connection")
  if (most === 0)
    return trap("stream-limit", "allows no stream on a connection (MAX_CONCURRENT_STREAMS is 0)")
  const said = `allows ${most} streams on a connection`
  if (maxConnections !== null)
    return warning(
      "stream-limit",
      `${said}, and the cluster ${maxConnections} connections: ${most * maxConnections} live streams are the most it can have`,
      "raise maxConnectionsPerEndpoint, or the backend's limit",
    )
  if (most < FEW_STREAMS)
    return warning(
      "stream-limit",
      `${said}: 10,000 live streams take ${Math.ceil(10_000 / most)} connections`,
      "raise the backend's limit (MAX_CONCURRENT_STREAMS)",
    )
  return fine("stream-limit", said)
}

interface Answer {
  readonly status: number
  /** Null: none came. */
  readonly grpcStatus: number | null
  readonly message: Buffer
}

/** A length-prefixed message of nothing. */
const EMPTY = Buffer.from([0, 0, 0, 0, 0])
/** `list_services: ""` of grpc.reflection's ServerReflectionRequest: field 7. */
const LIST_SERVICES = Buffer.from([0, 0, 0, 0, 2, 0x3a, 0])

function call(
  session: ClientHttp2Session,
  scheme: string,
  path: string,
  message: Buffer,
  clock: Clock,
): Promise<Answer | null> {
  return new Promise((resolve) => {
    if (session.destroyed || session.closed) return resolve(null)
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      ":scheme": scheme,
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-timeout": "5S",
    })
    let answer: Answer = { status: 0, grpcStatus: null, message: Buffer.alloc(0) }
    const note = (headers: Record<string, unknown>): void => {
      const said = headers["grpc-status"]
      if (said !== undefined) answer = { ...answer, grpcStatus: Number(said) }
      if (headers[":status"] !== undefined) answer = { ...answer, status: Number(headers[":status"]) }
    }
    stream.on("response", note)
    stream.on("trailers", note)
    stream.on("data", (octets: Buffer) => {
      answer = { ...answer, message: Buffer.concat([answer.message, octets]) }
    })
    stream.on("error", () => {})
    stream.on("close", () => resolve(answer.status === 0 ? null : answer))
    clock.after(CALL_MS, () => stream.close())
    stream.end(message)
  })
}

const UNIMPLEMENTED = 12
const NOT_SERVING = 2

function healthOf(answer: Answer | null): Finding {
  if (answer === null) return warning("health", "does not answer grpc.health.v1.Health/Check")
  if (answer.grpcStatus === UNIMPLEMENTED || answer.status === 404)
    return fine("health", "has no grpc.health.v1 service; active checks can do no more than connect")
  if (answer.grpcStatus !== 0)
    return warning("health", `answers a health check with grpc-status ${answer.grpcStatus ?? "missing"}`)
  // Field 1, the status.
  const status = answer.message[5] === 0x08 ? answer.message[6] : 0
  return status === NOT_SERVING
    ? trap("health", "says NOT_SERVING to a health check")
    : fine("health", "answers health checks, and serves")
}

async function reflection(
  session: ClientHttp2Session,
  scheme: string,
  target: Target,
  clock: Clock,
): Promise<Finding[]> {
  for (const version of ["v1", "v1alpha"]) {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`
    const answer = await call(session, scheme, path, LIST_SERVICES, clock)
    if (answer?.grpcStatus === 0) return [fine("reflection", `has server reflection (${version})`)]
  }
  const message = "has no server reflection"
  if (!target.needsReflection) return [fine("reflection", message)]
  return [
    trap(
      "reflection",
      `${message}, and a route needs types for JSON`,
      "switch it on in the backend, or name a file: grpc_descriptor_set (bridge.descriptorSet)",
    ),
  ]
}

async function pingPolicy(session: ClientHttp2Session, target: Target, clock: Clock): Promise<Finding> {
  const said = await endsForPings(session, clock)
  const every = durationText(target.keepaliveIntervalMs)
  if (said === null) return fine("ping", `takes ${PINGS} PINGs in a row; one is sent every ${every}`)
  const message = `ends connections for PINGs that come too often (${said}); one is sent every ${every}`
  return target.keepaliveIntervalMs < PING_INTERVAL_SAFE_MS
    ? trap(
        "ping",
        message,
        "gRPC servers put up with one in 5 minutes unless told otherwise: keepalive: { interval: 5m }",
      )
    : fine("ping", message)
}

/** Why the backend ends the connection when PINGs come in a row; null: it does not. */
function endsForPings(session: ClientHttp2Session, clock: Clock): Promise<string | null> {
  return new Promise((resolve) => {
    if (session.destroyed || session.closed) return resolve("the connection is gone")
    let sent = 0
    session.on("goaway", (code: number, _last: number, data?: Uint8Array) => {
      if (code !== 0)
        resolve(
          data === undefined || data.length === 0
            ? `GOAWAY ${code}`
            : Buffer.from(data)
                .toString("latin1")
                .replace(/[^\x20-\x7e]/g, "·"),
        )
    })
    session.on("close", () => resolve("it closed the connection"))
    const next = (): void => {
      // The last answer shows that it has seen them all.
      if (sent++ === PINGS) return resolve(null)
      if (session.destroyed) return
      try {
        session.ping(() => clock.after(10, next))
      } catch {
        resolve("the connection is gone")
      }
    }
    next()
    clock.after(CALL_MS, () => resolve(null))
  })
}
