/** Backends that say what they were asked, and what of two data planes' answers has to be the same. */
import { once } from "node:events"
import { type ClientHttp2Session, createServer, type IncomingHttpHeaders } from "node:http2"
import { type AddressInfo, createConnection } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { freePort } from "../../child.ts"
import type { Asked } from "./requests.ts"

const SHARE = 0.1

/** Backends; each says who it is, and what it was asked. */
export class Backends {
  readonly #servers: ReturnType<typeof createServer>[] = []

  /** The ports of each; at that of the one called `down` nothing listens. */
  async start<Name extends string>(names: readonly Name[]): Promise<Record<Name, number>> {
    const ports: Record<string, number> = {}
    for (const name of names) {
      if (name === "down") {
        ports[name] = await freePort()
        continue
      }
      const server = createServer()
      server.on("stream", (stream, headers) => {
        stream.on("error", () => {})
        stream.resume()
        const text = Buffer.from(JSON.stringify({ backend: name, ...shown(headers, /^(x-t-|my-header)/) }))
        const head = Buffer.alloc(5)
        head.writeUInt32BE(text.length, 1)
        const type = headers["content-type"] ?? "text/plain"
        const said = { "x-t-backend-said": "backend", "x-t-hidden": "backend" }
        stream.respond({ ":status": 200, "content-type": type, ...said }, { waitForTrailers: true })
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }))
        stream.end(Buffer.concat([head, text]))
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      this.#servers.push(server)
      ports[name] = (server.address() as AddressInfo).port
    }
    return ports as Record<Name, number>
  }

  stop(): void {
    for (const server of this.#servers) server.close()
  }
}

export interface Answer {
  /** Empty: the data plane answered by itself. */
  readonly backend: string
  /** What of it has to be the same. */
  readonly compared: string
}

export async function answersOf(session: ClientHttp2Session, asked: Asked): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let i = 0; i < (asked.times ?? 1); i++) answers.push(await answerOf(session, asked))
  return answers
}

async function answerOf(
  session: ClientHttp2Session,
  { path, method = "GET", authority = "anything.test", headers = {} }: Asked,
): Promise<Answer> {
  const stream = session.request({ ":path": path, ":method": method, ":authority": authority, ...headers })
  stream.end()
  let trailers: IncomingHttpHeaders = {}
  stream.on("trailers", (said) => (trailers = said))
  const [head] = (await once(stream, "response")) as [IncomingHttpHeaders]
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const isBackends = head["x-t-backend-said"] !== undefined || body[5] === 0x7b
  const said = isBackends ? (JSON.parse(body.subarray(5).toString()) as { backend: string }) : null
  const isGrpc = headers["content-type"] !== undefined
  const compared = {
    ...shown(head, /^(x-t-.*|location)$/),
    ...(isGrpc && { grpcStatus: trailers["grpc-status"] ?? head["grpc-status"] ?? "none" }),
    ...(said ?? { body: Number(head[":status"]) === 418 ? body.toString() : "" }),
  }
  return { backend: said?.backend ?? "", compared: JSON.stringify(compared) }
}

/** Those of its fields that a name fits, in order, beside the pseudo-headers. */
function shown(headers: IncomingHttpHeaders, names: RegExp): object {
  const fields = Object.entries(headers).filter(([name]) => name.startsWith(":") || names.test(name))
  fields.sort(([one], [other]) => (one < other ? -1 : 1))
  return Object.fromEntries(fields.map(([name, value]) => [name, String(value)]))
}

/** In words; null: there is none. */
export function difference(
  { times = 1 }: Asked,
  there: readonly Answer[],
  here: readonly Answer[],
): string | null {
  if (times === 1) {
    const [one, other] = [there[0]!.compared, here[0]!.compared]
    return one === other ? null : `Envoy: ${one}; Sluice: ${other}`
  }
  const share = (answers: readonly Answer[], name: string): number =>
    answers.filter(({ backend }) => backend === name).length / times
  const names = [...new Set([...there, ...here].map(({ backend }) => backend))]
  const far = names.find((name) => Math.abs(share(there, name) - share(here, name)) > SHARE)
  if (far === undefined) return null
  const of = (answers: readonly Answer[]): string =>
    names.map((name) => `${name || "none"} ${Math.round(share(answers, name) * 100)} %`).join(", ")
  return `Envoy: ${of(there)}; Sluice: ${of(here)}`
}

/** Errors: rejects where nothing does within `withinMs`. */
export async function untilListening(port: number, withinMs = 20_000): Promise<void> {
  const until = performance.now() + withinMs
  while (performance.now() < until) {
    const socket = createConnection(port, "127.0.0.1")
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen) return
    await sleep(50)
  }
  throw new Error(`nothing listens after ${withinMs / 1000} s`)
}
