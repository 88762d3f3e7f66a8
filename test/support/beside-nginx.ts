import { mkdtempSync, rmSync } from "node:fs"
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http"
import { request as requestOverTls } from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestContext } from "vitest"
import { Balancer } from "../../src/balancer/balancer.ts"
import { diskFiles } from "../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../src/config/nginx/read.ts"
import { startNginx } from "./nginx.ts"

/** What is sent, over HTTP/1.1. */
export interface Asked {
  path: string
  method?: string
  headers?: Record<string, string>
  body?: string
  /** Over TLS, with this certificate of the client's, or with none (null). */
  tls?: { cert: string; key: string } | null
  /** By SNI. Default: the host. */
  servername?: string
}

export interface Answered {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/** The same `http` block run by nginx and by Sluice. `SOCKET` in it is where each listens. */
export class BesideNginx {
  readonly directory = mkdtempSync(join(tmpdir(), "sluice-beside-"))
  readonly #balancers: Balancer[] = []

  constructor(t: Pick<TestContext, "onTestFinished">) {
    t.onTestFinished(async () => {
      await Promise.all(this.#balancers.map((balancer) => balancer.close({ graceMs: 0 })))
      rmSync(this.directory, { recursive: true, force: true })
    })
  }

  async startSluice(http: string, name = "sluice"): Promise<(asked: Asked) => Promise<Answered>> {
    const socket = join(this.directory, name)
    const text = http.replaceAll("SOCKET", `unix:${socket}`)
    const { config, problems } = readNginxConfig(text, join(this.directory, "nginx.conf"), diskFiles)
    if (config === null)
      throw new Error(problems.map(({ line, message }) => `${line}: ${message}`).join("\n"))
    const balancer = new Balancer(config)
    await balancer.start()
    this.#balancers.push(balancer)
    return (asked) => ask(socket, asked)
  }

  async startNginx(
    t: Pick<TestContext, "onTestFinished">,
    http: string,
  ): Promise<(asked: Asked) => Promise<Answered>> {
    const socket = join(this.directory, "nginx")
    await startNginx(t, this.directory, "nginx", http.replaceAll("SOCKET", `unix:${socket}`))
    return (asked) => ask(socket, asked)
  }
}

function ask(socketPath: string, { path, method, headers, body, tls, servername }: Asked): Promise<Answered> {
  return new Promise((resolve, reject) => {
    // A connection for each: one that is kept may be closed by the other side just as it is used again.
    const options = { socketPath, path, method, headers, agent: false as const }
    const secure = { ...options, ...tls, rejectUnauthorized: false, servername: servername ?? headers?.host }
    const onResponse = (response: IncomingMessage): void => {
      let text = ""
      response.setEncoding("latin1")
      response.on("data", (chunk: string) => (text += chunk))
      response.on("end", () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: text }),
      )
    }
    const sent = tls === undefined ? request(options, onResponse) : requestOverTls(secure, onResponse)
    sent.on("error", reject).end(body)
  })
}
