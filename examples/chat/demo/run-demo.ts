import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { type AdaptedConfig, adaptArticleConfig } from "./article-config.ts"
import { type Addresses, banner } from "./banner.ts"
import { type ChatServerProcess, startChatServerProcess } from "./chat-server-process.ts"
import { claimFreePort } from "./free-port.ts"
import { findNginx, HOW_TO_GET_NGINX, startNginx } from "./nginx-process.ts"

export interface DemoOptions {
  balancer: "sluice" | "nginx"
  /** The preferred port of the balancer. */
  port: number
  log: (line: string) => void
}

export interface Demo {
  /** Settles with the reason when something the demo cannot do without has ended by itself. */
  readonly broken: Promise<string>
  /** Ends everything that was started, conversations included. */
  stop(): Promise<void>
  /** Ends everything at once. */
  kill(): void
}

/** Everything the demo writes; git ignores it. */
const folder = fileURLToPath(new URL("../../../.cache/chat/", import.meta.url))
const articleConfig = fileURLToPath(new URL("../nginx/two.conf", import.meta.url))

/** How long conversations may go on after the first Ctrl-C. */
const GRACE_MS = 1000

/** Starts two chat servers and a balancer before them, and says what listens where. Leaves nothing behind when it rejects. */
export async function runDemo(options: DemoOptions): Promise<Demo> {
  const claimed = new Set<number>()
  const servers: ChatServerProcess[] = []
  try {
    for (const [index, name] of ["A", "B"].entries()) {
      const port = await claimFreePort(3000 + index, "127.0.0.1", claimed)
      const server = await startChatServerProcess({ port, log: (line) => options.log(`[${name}] ${line}`) })
      servers.push(server)
      void server.ended.then((why) => options.log(`[${name}] ended (${why})`))
    }
    const listenPort = await claimFreePort(options.port, "0.0.0.0", claimed)
    const config = adaptArticleConfig(await readFile(articleConfig, "utf8"), {
      listenPort,
      serverPorts: servers.map((server) => server.port),
      accessLog: join(folder, "access.log"),
    })
    const balancer = await startBalancer(options, config, listenPort)
    options.log(banner(addressesOf(options, servers, listenPort, config)))
    let stopping = false
    return {
      broken: new Promise((resolve) => void balancer.ended.then((why) => stopping || resolve(why))),
      async stop() {
        stopping = true
        await balancer.stop()
        await Promise.all(servers.map((server) => server.stop()))
      },
      kill() {
        for (const server of servers) server.kill()
      },
    }
  } catch (error) {
    await Promise.all(servers.map((server) => server.stop()))
    throw error
  }
}

interface Balancer {
  ended: Promise<string>
  stop(): Promise<void>
}

async function startBalancer(options: DemoOptions, config: AdaptedConfig, port: number): Promise<Balancer> {
  await mkdir(folder, { recursive: true })
  if (options.balancer === "nginx") {
    const binary = findNginx()
    if (binary === undefined) throw new Error(HOW_TO_GET_NGINX)
    const log = (line: string) => options.log(`[nginx] ${line}`)
    return startNginx({ binary, folder: join(folder, "nginx"), siteConfig: config.text, port, log })
  }
  // Loaded only when used, so that the comparison with nginx needs nothing of Sluice.
  const { startSluice } = await import("./sluice-in-process.ts")
  const configPath = join(folder, "nginx.conf")
  await writeFile(configPath, config.text)
  const sluice = await startSluice(configPath)
  return { ended: new Promise(() => {}), stop: () => sluice.stop(GRACE_MS) }
}

function addressesOf(
  options: DemoOptions,
  servers: ChatServerProcess[],
  listenPort: number,
  config: AdaptedConfig,
): Addresses {
  const fromHere = (path: string) => relative(process.cwd(), path)
  return {
    balancer: options.balancer,
    servers,
    listenPort,
    articleConfig: fromHere(articleConfig),
    accessLog: fromHere(join(folder, "access.log")),
    changes: config.changes,
    takenPorts: [
      ...servers.flatMap(({ port }, index) =>
        port === 3000 + index ? [] : [{ wanted: 3000 + index, got: port }],
      ),
      ...(listenPort === options.port ? [] : [{ wanted: options.port, got: listenPort }]),
    ],
  }
}
