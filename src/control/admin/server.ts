import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { isMainThread } from "node:worker_threads"
import { type Counters, counterIds } from "../../base/counters.ts"
import type { Limits } from "../../base/limits.ts"
import type { AdminListenConfig } from "../../config/model.ts"
import type { Log } from "../../log/logger.ts"
import { listenProblem } from "../../net/listen-problem.ts"
import { removeStaleSocket } from "../../net/stale-socket.ts"
import { type AccessRules, refusalOf } from "./access.ts"
import { type AdminBounds, LongAnswers } from "./answers.ts"
import { HEAD_OCTETS_MAX, refusedHead, SECURITY_HEADERS, send } from "./reply.ts"
import { type AdminAnswer, AdminError, type AdminRoute } from "./route.ts"

const IDLE_MS = 60_000
/** Requests of a connection that were not answered yet. Nothing that asks the admin API sends more before an answer. */
const PIPELINED_MAX = 16

/** What a connection has asked. */
interface Asked {
  /** Requests that were not answered yet. */
  unanswered: number
  /** The answer to the last of them was read, or will never be. */
  isLastRead: Promise<void>
}

interface Match {
  readonly route: AdminRoute
  readonly params: Record<string, string>
}

/** The HTTP of the admin API: who may ask, which row of the API answers, and errors in one shape. */
export class AdminServer {
  readonly #server: Server
  readonly #routes: readonly { pattern: RegExp; route: AdminRoute }[]
  readonly #rules: AccessRules
  readonly #log: Log
  readonly #limits: Limits
  readonly #counters: Counters
  /** Ends the streams of events. */
  readonly #ending = new Set<() => void>()
  readonly #longAnswers: LongAnswers
  /** Connections that have asked. */
  readonly #asked = new WeakMap<Socket, Asked>()

  constructor(routes: readonly AdminRoute[], rules: AccessRules, log: Log, bounds: AdminBounds) {
    const { limits, counters } = bounds
    this.#longAnswers = new LongAnswers(bounds)
    this.#limits = limits
    this.#counters = counters
    this.#routes = routes.map((route) => ({ pattern: patternOf(route.path), route }))
    this.#rules = rules
    this.#log = log
    this.#server = createServer(
      {
        maxHeaderSize: HEAD_OCTETS_MAX,
        requestTimeout: limits.adminRequestMs,
        headersTimeout: limits.adminRequestMs,
        connectionsCheckingInterval: Math.min(limits.adminRequestMs, 1000),
        keepAliveTimeout: IDLE_MS,
      },
      (request, response) => void this.#answer(request, response),
    )
    // Of what is sent nothing was read for so long. A connection that has not asked yet has its own time.
    this.#server.timeout = limits.adminUnreadMs
    this.#server.on("timeout", (socket) => {
      if (socket.writableLength > 0) counters.add(counterIds.admin_readers_dropped)
      else if (this.#asked.get(socket)?.unanswered !== 0) return
      socket.destroy()
    })
    this.#server.maxConnections = limits.adminConnectionsMax
    this.#server.on("drop", () => counters.add(counterIds.admin_connections_exceeded))
    this.#server.on("clientError", ({ code }: NodeJS.ErrnoException, socket) => {
      if (code === "ERR_HTTP_REQUEST_TIMEOUT") counters.add(counterIds.admin_requests_refused)
      if (socket.writable) socket.end(refusedHead(code))
      else socket.destroy()
    })
  }

  /** Resolves with the address, the port in use among it. Errors: throws in one sentence. */
  async listen(config: AdminListenConfig): Promise<string> {
    const { host, port, unixPath } = config
    const name =
      unixPath === null ? `${host?.includes(":") ? `[${host}]` : host}:${port}` : `unix:${unixPath}`
    if (unixPath !== null) {
      const why = await removeStaleSocket(unixPath)
      if (why !== null) throw new Error(`the admin API cannot listen on ${name}: the file ${why}`)
    }
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error) => {
        const problem = listenProblem({ name, unixPath }, error)
        reject(new Error(problem.replace("cannot listen", "the admin API cannot listen")))
      })
      // Bound at once: the file is never open to others.
      const mask = isMainThread ? process.umask(0o177) : null
      if (unixPath === null) this.#server.listen(port!, host!, resolve)
      else this.#server.listen(unixPath, resolve)
      if (mask !== null) process.umask(mask)
    })
    this.#server.removeAllListeners("error")
    this.#server.on("error", (error) => this.#log.warn("the admin API", { reason: error.message }))
    const address = this.#server.address()
    if (address === null || typeof address === "string") return name
    return `${host?.includes(":") ? `[${host}]` : host}:${address.port}`
  }

  /** Closes it and all its connections. */
  close(): void {
    this.#server.close()
    for (const end of this.#ending) end()
    this.#server.closeAllConnections()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {})
    if (!(await this.#isTaken(request, response))) return
    try {
      const match = await this.#matchOf(request)
      const answer = async () => {
        const made = await match.handle()
        if (response.destroyed) return
        if ("start" in made) this.#stream(made, request, response)
        else this.#longAnswers.handedOver(response, send(request, response, made))
      }
      if (match.route.isLong === true) await this.#longAnswers.inTurn(response, answer)
      else {
        if (match.route.isLarge === true) this.#longAnswers.makeRoom()
        await answer()
      }
    } catch (error) {
      const isKnown = error instanceof AdminError
      if (!isKnown)
        this.#log.error("unexpected error", {
          error: error instanceof Error ? (error.stack ?? "") : String(error),
        })
      const message = isKnown ? error.message : "unexpected error: the log has it"
      if (response.headersSent) response.destroy()
      else send(request, response, { status: isKnown ? error.status : 500, json: { error: message } })
    }
  }

  /**
   * Whether one more of its connection is answered: who asks without end, and reads no answer, is not. Resolves once the answer
   * before it was read: it cannot leave earlier, and would wait here in full.
   */
  async #isTaken({ socket }: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const asked = this.#asked.get(socket) ?? { unanswered: 0, isLastRead: Promise.resolve() }
    this.#asked.set(socket, asked)
    const isBeforeRead = asked.isLastRead
    asked.unanswered++
    asked.isLastRead = new Promise((resolve) =>
      response.once("close", () => {
        asked.unanswered--
        resolve()
      }),
    )
    if (asked.unanswered > PIPELINED_MAX) {
      if (!socket.destroyed) this.#counters.add(counterIds.admin_requests_refused)
      socket.destroy()
      return false
    }
    await isBeforeRead
    // Without a socket it never leaves: the answer before it was the last of its connection.
    return response.socket !== null && !response.destroyed
  }

  /** The route that answers, and how. Errors: throws AdminError. */
  async #matchOf(
    request: IncomingMessage,
  ): Promise<{ route: AdminRoute; handle(): AdminAnswer | Promise<AdminAnswer> }> {
    const { headers, method = "" } = request
    // The base is needed to read it, and nothing else of it is used.
    const url = URL.parse(`http://admin${request.url ?? "/"}`)
    if (url === null) throw new AdminError(400, "the address cannot be read")
    const match = this.#find(method, url.pathname)
    const refusal = refusalOf(
      {
        host: headers.host,
        origin: headers.origin,
        fetchSite: headers["sec-fetch-site"] as string | undefined,
        fetchMode: headers["sec-fetch-mode"] as string | undefined,
        authorization: headers.authorization,
      },
      this.#rules,
      match instanceof AdminError ? "guarded" : (match.route.openness ?? "guarded"),
    )
    if (refusal !== null) throw new AdminError(refusal.status, refusal.error)
    if (match instanceof AdminError) throw match
    const { route, params } = match
    const body = route.body === undefined ? undefined : bodyOf(await this.#readBody(request), route.body)
    const asked = {
      params,
      query: url.searchParams,
      body,
      header: (name: string) => headers[name] as string | undefined,
      asker: askerOf(request),
    }
    return { route, handle: () => route.handle(asked) }
  }

  #find(method: string, path: string): Match | AdminError {
    const wanted = method === "HEAD" ? "GET" : method
    const here = this.#routes.flatMap(({ pattern, route }) => {
      const found = pattern.exec(path)
      return found === null ? [] : [{ route, params: decodedParams(found.groups ?? {}) }]
    })
    const match = here.find(({ route }) => route.method === wanted)
    if (match !== undefined) return match
    if (here.length === 0)
      return new AdminError(404, `there is no ${path} here; GET /openapi.json has what there is`)
    return new AdminError(
      405,
      `${path} takes ${here.map(({ route }) => route.method).join(", ")}, not ${method}`,
    )
  }

  async #readBody(request: IncomingMessage): Promise<string> {
    const { adminBodyOctets } = this.#limits
    const chunks: Buffer[] = []
    let octets = 0
    for await (const chunk of request) {
      octets += (chunk as Buffer).length
      if (octets > adminBodyOctets) {
        this.#counters.add(counterIds.admin_requests_refused)
        throw new AdminError(413, `adminBodyOctets: a body has at most ${adminBodyOctets} octets`)
      }
      chunks.push(chunk as Buffer)
    }
    return Buffer.concat(chunks).toString()
  }

  #stream(
    { contentType, start }: Extract<AdminAnswer, { start: unknown }>,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    response.writeHead(200, { ...SECURITY_HEADERS, "content-type": contentType, "cache-control": "no-store" })
    if (request.method === "HEAD") return void response.end()
    // Sent now: who listens is told that it has begun.
    response.flushHeaders()
    let stop = (): void => {}
    const end = (): void => {
      stop()
      this.#ending.delete(end)
      response.destroy()
    }
    this.#ending.add(end)
    response.on("close", end)
    stop = start((text) => {
      response.write(text)
      // It does not read. What it misses it asks for when it comes again.
      if (response.writableLength <= this.#limits.adminUnreadOctets) return
      this.#counters.add(counterIds.admin_readers_dropped)
      end()
    })
    if (response.destroyed) stop()
  }
}

/** `/streams/{id}` as a pattern. */
function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{(\w+)\}/g, "(?<$1>[^/]+)").replaceAll(".", "\\.")}$`)
}

function decodedParams(groups: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(groups).map(([name, value]) => {
      try {
        return [name, decodeURIComponent(value)]
      } catch {
        return [name, value]
      }
    }),
  )
}

function bodyOf(text: string, shape: NonNullable<AdminRoute["body"]>): unknown {
  let value: unknown
  try {
    value = text.trim() === "" ? {} : JSON.parse(text)
  } catch {
    throw new AdminError(400, "the body is no JSON")
  }
  const { success, data, error } = shape.safeParse(value)
  if (success) return data
  const [issue] = error.issues
  const place = issue!.path.join(".")
  throw new AdminError(400, `${place === "" ? "the body" : place}: ${issue!.message}`)
}

function askerOf({ socket }: IncomingMessage): string {
  const { remoteAddress, remotePort } = socket
  if (remoteAddress === undefined) return "unix"
  return remoteAddress.includes(":") ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`
}
