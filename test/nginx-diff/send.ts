/** Sends a probe and says what came back. */
import { request as request1 } from "node:http"
import { type ClientHttp2Stream, connect as connect2 } from "node:http2"
import { connect, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import type { Probe } from "./probes.ts"
import type { Listen } from "./shape.ts"

export interface Answer {
  /** 0: there was none; `error` says why. */
  readonly status: number
  readonly error: string
  /** In order of the alphabet. */
  readonly headers: readonly (readonly [string, string])[]
  readonly trailers: readonly (readonly [string, string])[]
  readonly body: string
}

const ANSWER_MS = 3000
/** A bidi call waits so long for the answer to a message. */
const REPLY_MS = 100

export async function send(probe: Probe): Promise<Answer> {
  const socket = await open(probe.listen, probe)
  if (typeof socket === "string") return { status: 0, error: socket, headers: [], trailers: [], body: "" }
  try {
    if (probe.raw !== undefined) return await sendRaw(probe.raw.replaceAll("HOST", probe.host), socket)
    return await (probe.http === "2" ? send2(probe, socket) : send1(probe, socket))
  } finally {
    socket.destroy()
  }
}

async function open(
  { host, port, unixPath, isProxied, isTls }: Listen,
  probe: Probe,
): Promise<Socket | string> {
  const raw = unixPath === null ? connect(port, host.replace(/[[\]]/g, "")) : connect(unixPath)
  const problem = await settled(raw, "connect")
  if (problem !== null) return problem
  if (isProxied) raw.write("PROXY TCP4 192.0.2.77 192.0.2.1 51234 443\r\n")
  if (!isTls || probe.isPlain === true) return raw
  const servername = probe.host
  const tls = connectTls({
    socket: raw,
    servername,
    rejectUnauthorized: false,
    ALPNProtocols: [probe.http === "2" ? "h2" : "http/1.1"],
  })
  return (await settled(tls, "secureConnect")) ?? tls
}

function settled(socket: Socket, event: string): Promise<string | null> {
  return new Promise((resolve) => {
    socket.on("error", (error) => resolve(`cannot connect: ${(error as NodeJS.ErrnoException).code}`))
    socket.once("close", () => resolve("closed"))
    socket.once(event, () => resolve(null))
  })
}

const sorted = (pairs: readonly (readonly [string, string])[]) =>
  [...pairs].sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))

function flat(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([raw[i]!.toLowerCase(), raw[i + 1]!])
  return pairs
}

function send1(probe: Probe, socket: Socket): Promise<Answer> {
  return new Promise((resolve) => {
    const body = Buffer.concat(probe.body)
    const fail = (error: string): void => resolve({ status: 0, error, headers: [], trailers: [], body: "" })
    const request = request1({
      createConnection: () => socket,
      method: probe.method,
      path: probe.path,
      setHost: false,
      headers: [
        ...["host", probe.host, "connection", "close"],
        ...probe.headers.flat(),
        ...(body.length > 0 ? ["content-length", String(body.length)] : []),
      ],
    })
    request.setTimeout(ANSWER_MS, () => fail("no answer in time"))
    request.on("error", (error) => fail(`broken: ${(error as NodeJS.ErrnoException).code}`))
    request.on("response", (response) => {
      const chunks: Buffer[] = []
      const whole = (error: string): void =>
        resolve({
          status: response.statusCode ?? 0,
          error,
          headers: sorted(flat(response.rawHeaders)),
          trailers: sorted(flat(response.rawTrailers)),
          body: Buffer.concat(chunks).toString("latin1"),
        })
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("error", () => whole("cut"))
      response.on("end", () => whole(""))
    })
    request.end(body)
  })
}

/** The status of each answer that came until the connection was closed, as the body. */
async function sendRaw(text: string, socket: Socket): Promise<Answer> {
  const answers = await new Promise<string>((resolve) => {
    let said = ""
    const timer = setTimeout(() => socket.destroy(), ANSWER_MS)
    socket.on("data", (octets: Buffer) => (said += octets.toString("latin1")))
    socket.once("close", () => {
      clearTimeout(timer)
      resolve(said)
    })
    socket.write(text, "latin1")
  })
  const body = [...answers.matchAll(/HTTP\/1\.[01] ([2-5]\d{2})/g)].map(([, status]) => status).join(" ")
  return {
    status: Number(body.slice(0, 3)),
    error: body === "" ? "no answer" : "",
    headers: [],
    trailers: [],
    body,
  }
}

function send2(probe: Probe, socket: Socket): Promise<Answer> {
  return new Promise((resolve) => {
    const session = connect2(`${probe.listen.isTls ? "https" : "http"}://${probe.host}`, {
      createConnection: () => socket,
    })
    const done = (answer: Answer): void => {
      session.destroy()
      resolve(answer)
    }
    const fail = (error: string): void => done({ status: 0, error, headers: [], trailers: [], body: "" })
    session.on("error", (error) => fail(`broken: ${(error as NodeJS.ErrnoException).code}`))
    session.on("close", () => fail("closed"))
    const stream: ClientHttp2Stream = session.request(
      {
        ":method": probe.method,
        ":path": probe.path,
        ":authority": probe.host,
        ...Object.fromEntries(probe.headers),
        ...(probe.body.length > 0 &&
          !probe.isGrpc && { "content-length": String(Buffer.concat(probe.body).length) }),
      },
      { endStream: probe.body.length === 0 },
    )
    stream.setTimeout(ANSWER_MS, () => fail("no answer in time"))
    let status = 0
    let headers: [string, string][] = []
    let trailers: [string, string][] = []
    const chunks: Buffer[] = []
    const pairsOf = (list: object): [string, string][] =>
      Object.entries(list)
        .filter(([name]) => !name.startsWith(":"))
        .flatMap(([name, value]) => [value].flat().map((each): [string, string] => [name, String(each)]))
    const pieces = [...probe.body]
    const sendNext = (): void => {
      const piece = pieces.shift()
      // A backend that wants all of the request first is given it.
      if (pieces.length > 0) setTimeout(() => pieces.length > 0 && !stream.closed && sendNext(), REPLY_MS)
      if (piece === undefined) stream.end()
      else stream.write(piece, () => void (pieces.length === 0 && stream.end()))
    }
    stream.on("response", (list) => {
      status = Number(list[":status"])
      headers = pairsOf(list)
    })
    stream.on("trailers", (list) => (trailers = pairsOf(list)))
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk)
      if (pieces.length > 0) sendNext()
    })
    let error = ""
    stream.on("error", (problem) => (error = `reset: ${(problem as NodeJS.ErrnoException).code}`))
    stream.on("close", () =>
      done({
        status,
        error: status === 0 && error === "" ? "no answer" : error,
        headers: sorted(headers),
        trailers: sorted(trailers),
        body: Buffer.concat(chunks).toString("latin1"),
      }),
    )
    if (probe.body.length > 0) sendNext()
  })
}
