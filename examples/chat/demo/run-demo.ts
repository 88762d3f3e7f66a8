import { readFile, writeFile } from "node:fs/promises"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { whyNotListen } from "../why-not-listen.ts"
import { adaptArticleConfig } from "./article-config.ts"
import { banner } from "./banner.ts"
import { buildPage } from "./build-page.ts"
import { type ChatServerProcess, startChatServerProcess } from "./chat-server-process.ts"
import { claimFreePort } from "./free-port.ts"
import { findNginx, HOW_TO_GET_NGINX, startNginx } from "./nginx-process.ts"
import { withPageLocation } from "./page-location.ts"
import { startPageServer } from "./page-server.ts"
import { builtPage, commands, makeFolder } from "./surroundings.ts"

export interface DemoOptions {
  balancer: "sluice" | "nginx"
  /** The preferred port of the balancer. The page takes the next one. */
  port: number
  log: (line: string) => void
}

export interface Demo {
  /** Settles with the reason when something the demo cannot do without has ended by itself. */
  readonly broken: Promise<string>
  /** Ends everything that was started, conversations included. */
  stop(): Promise<void>
  /** Ends everything without waiting for any conversation. */
  kill(): Promise<void>
}

/** Something started. `ended` settles when it ends by itself; without it, it does not. */
interface Part {
  ended?: Promise<string>
  stop(): Promise<void>
  kill?(): void
}

const articleConfig = fileURLToPath(new URL("../nginx/two.conf", import.meta.url))

/** Where the chat servers listen. */
const HOST = "127.0.0.1"

/** How long conversations may go on after the first Ctrl-C. */
const GRACE_MS = 1000

/**
 * Starts two chat servers, a balancer before them and, with Sluice, the page; says what listens where.
 * Leaves nothing behind when it rejects.
 */
export async function runDemo(options: DemoOptions): Promise<Demo> {
  const claimed = new Set<number>()
  const servers: ChatServerProcess[] = []
  let balancer: Part | undefined
  let page: (Part & { url: string; port: number }) | undefined
  let stopping = false
  const folder = await makeFolder()
  const accessLog = join(folder.path, "access.log")
  const stop = async () => {
    stopping = true
    await page?.stop()
    await balancer?.stop()
    await Promise.all(servers.map((server) => server.stop()))
    await folder.release()
  }
  try {
    for (const [index, name] of ["A", "B"].entries()) {
      const server = await startServer(3000 + index, name, claimed, (line) =>
        options.log(`[${name}] ${line}`),
      )
      servers.push(server)
      void server.ended.then((why) => options.log(`[${name}] ended (${why})`))
    }
    const listenPort = await claimFreePort(options.port, "0.0.0.0", claimed)
    const serverPorts = servers.map((server) => server.port)
    const article = await readFile(articleConfig, "utf8")
    const config = adaptArticleConfig(article, { listenPort, serverPorts, accessLog })
    if (options.balancer === "sluice") page = await startPage(folder.path, listenPort, claimed)
    const siteConfig = page === undefined ? config.text : withPageLocation(config.text, page.port)
    balancer = await startBalancer(options, folder.path, siteConfig, listenPort)
    options.log(
      banner({
        balancer: options.balancer,
        servers,
        listenPort,
        pageUrl: page?.url,
        articleConfig: fromHere(articleConfig),
        accessLog: fromHere(accessLog),
        commands,
        changes: config.changes,
        portWanted: options.port,
      }),
    )
  } catch (error) {
    await stop()
    throw error
  }
  const ended = balancer.ended ?? new Promise<string>(() => {})
  return {
    broken: new Promise((resolve) => void ended.then((why) => stopping || resolve(why))),
    stop,
    async kill() {
      stopping = true
      for (const part of [balancer, ...servers]) part.kill?.()
      await folder.release()
    },
  }
}

/** A chat server on the first port from `preferred` on; the next one where another program was quicker. */
async function startServer(
  preferred: number,
  name: string,
  claimed: Set<number>,
  log: (line: string) => void,
): Promise<ChatServerProcess> {
  const port = await claimFreePort(preferred, HOST, claimed)
  try {
    return await startChatServerProcess({ port, name, log })
  } catch (error) {
    if ((await whyNotListen(port, HOST)) === null) throw error
    return startServer(port + 1, name, claimed, log)
  }
}

async function startBalancer(
  options: DemoOptions,
  folder: string,
  siteConfig: string,
  port: number,
): Promise<Part> {
  const log = (line: string) => options.log(`[${options.balancer}] ${line}`)
  if (options.balancer === "nginx") {
    const binary = findNginx()
    if (binary === undefined) throw new Error(HOW_TO_GET_NGINX)
    const nginx = await startNginx({ binary, folder: join(folder, "nginx"), siteConfig, port, log })
    return { ...nginx, kill: () => void nginx.stop() }
  }
  // Loaded only when used, so that the comparison with nginx needs nothing of Sluice.
  const { startSluice } = await import("./sluice-in-process.ts")
  const configPath = join(folder, "nginx.conf")
  await writeFile(configPath, siteConfig)
  const sluice = await startSluice({ configPath, log })
  return { stop: () => sluice.stop(GRACE_MS) }
}

async function startPage(folder: string, listenPort: number, claimed: Set<number>) {
  const pageFolder = builtPage ?? join(folder, "page")
  if (builtPage === undefined) await buildPage(pageFolder)
  return startPageServer({
    folder: pageFolder,
    host: "127.0.0.1",
    port: await claimFreePort(listenPort + 1, "127.0.0.1", claimed),
    config: { webSocketPort: listenPort, webSocketPath: "/ws" },
  })
}

/** As one would type it here. */
function fromHere(path: string): string {
  const short = relative(process.cwd(), path)
  return short.startsWith("..") ? path : short
}
