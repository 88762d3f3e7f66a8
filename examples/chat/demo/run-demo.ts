import { readFile, writeFile } from "node:fs/promises"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { whyNotListen } from "../why-not-listen.ts"
import { adaptArticleConfig } from "./article-config.ts"
import { banner } from "./banner.ts"
import { buildDashboard, buildPage } from "./build-page.ts"
import { type ChatServerProcess, startChatServerProcess } from "./chat-server-process.ts"
import { claimFreePort } from "./free-port.ts"
import { liveView } from "./live-view.ts"
import { findNginx, HOW_TO_GET_NGINX, startNginx } from "./nginx-process.ts"
import { withPageLocation } from "./page-location.ts"
import { startPageServer } from "./page-server.ts"
import { ServerSwitch } from "./server-switch.ts"
import { startSluice } from "./sluice-process.ts"
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

/**
 * Starts two chat servers, a balancer before them and, with Sluice, the page; says what listens where.
 * Leaves nothing behind when it rejects.
 */
export async function runDemo(options: DemoOptions): Promise<Demo> {
  const claimed = new Set<number>()
  const start = (port: number, name: string) =>
    startChatServerProcess({ port, name, log: (line) => options.log(`[${name}] ${line}`) })
  const servers = new ServerSwitch(start, options.log)
  let balancer: Part | undefined
  let page: (Part & { url: string; port: number }) | undefined
  let stopping = false
  const folder = await makeFolder()
  const accessLog = join(folder.path, "access.log")
  const stop = async () => {
    stopping = true
    await page?.stop()
    await balancer?.stop()
    await Promise.all(servers.processes.map((server) => server.stop()))
    await folder.release()
  }
  try {
    for (const [index, name] of ["A", "B"].entries())
      servers.add(name, await startServer(3000 + index, name, { claimed, start }))
    const listenPort = await claimFreePort(options.port, "0.0.0.0", claimed)
    const serverPorts = servers.processes.map((server) => server.port)
    const article = await readFile(articleConfig, "utf8")
    const config = adaptArticleConfig(article, { listenPort, serverPorts, accessLog })
    let siteConfig = config.text
    let dashboardUrl: string | undefined
    if (options.balancer === "sluice") {
      const adminPort = await claimFreePort(listenPort + 2, HOST, claimed)
      page = await startPage(folder.path, { listenPort, adminPort, claimed, servers })
      siteConfig = withPageLocation(config.text, { pagePort: page.port, adminPort })
      dashboardUrl = `http://${HOST}:${adminPort}/`
    }
    balancer = await startBalancer(options, folder.path, siteConfig, listenPort)
    options.log(
      banner({
        balancer: options.balancer,
        servers: servers.processes,
        listenPort,
        pageUrl: page?.url,
        dashboardUrl,
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
      for (const part of [balancer, ...servers.processes]) part.kill?.()
      await folder.release()
    },
  }
}

/** A chat server on the first port from `preferred` on; the next one where another program was quicker. */
async function startServer(
  preferred: number,
  name: string,
  how: { claimed: Set<number>; start(port: number, name: string): Promise<ChatServerProcess> },
): Promise<ChatServerProcess> {
  const port = await claimFreePort(preferred, HOST, how.claimed)
  try {
    return await how.start(port, name)
  } catch (error) {
    if ((await whyNotListen(port, HOST)) === null) throw error
    return startServer(port + 1, name, how)
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
  const configPath = join(folder, "nginx.conf")
  await writeFile(configPath, siteConfig)
  return startSluice({ configPath, log })
}

async function startPage(
  folder: string,
  {
    listenPort,
    adminPort,
    claimed,
    servers,
  }: { listenPort: number; adminPort: number; claimed: Set<number>; servers: ServerSwitch },
) {
  const pageFolder = builtPage ?? join(folder, "page")
  if (builtPage === undefined) await Promise.all([buildPage(pageFolder), buildDashboard()])
  const port = await claimFreePort(listenPort + 1, HOST, claimed)
  return startPageServer({
    folder: pageFolder,
    host: HOST,
    port,
    config: {
      webSocketPort: listenPort,
      webSocketPath: "/ws",
      dashboardUrl: `http://${HOST}:${adminPort}/`,
    },
    live: liveView({ adminPort, port, servers }),
  })
}

/** As one would type it here. */
function fromHere(path: string): string {
  const short = relative(process.cwd(), path)
  return short.startsWith("..") ? path : short
}
