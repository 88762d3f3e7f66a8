import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { adaptArticleConfig } from "../demo/article-config.ts"
import { buildPage } from "../demo/build-page.ts"
import { claimFreePort } from "../demo/free-port.ts"
import { withPageLocation } from "../demo/page-location.ts"
import { startPageServer } from "../demo/page-server.ts"
import { type ChatServer, startChatServer } from "../start-chat-server.ts"
import { startSluice } from "./sluice-in-process.ts"

const articleConfig = fileURLToPath(new URL("../nginx/two.conf", import.meta.url))

/** Two chat servers, Sluice and the page, in this process: the demo, with servers that can be stopped and started. */
export async function startPageBed(options: { folder: string; log: (line: string) => void }) {
  const claimed = new Set<number>()
  const servers = new Map<string, ChatServer>()
  const ports = new Map<string, number>()
  const startServer = async (name: string) => {
    const log = (line: string) => options.log(`[${name}] ${line}`)
    const server = await startChatServer({ host: "127.0.0.1", port: ports.get(name) ?? 0, name, log })
    servers.set(name, server)
    ports.set(name, server.port)
  }
  await startServer("A")
  await startServer("B")
  await buildPage(join(options.folder, "page"))
  const listenPort = await claimFreePort(8080, "0.0.0.0", claimed)
  const page = await startPageServer({
    folder: join(options.folder, "page"),
    host: "127.0.0.1",
    port: await claimFreePort(listenPort + 1, "127.0.0.1", claimed),
    config: { webSocketPort: listenPort, webSocketPath: "/ws" },
  })
  const { text } = adaptArticleConfig(await readFile(articleConfig, "utf8"), {
    listenPort,
    serverPorts: [...ports.values()],
    accessLog: join(options.folder, "access.log"),
  })
  const configPath = join(options.folder, "nginx.conf")
  await writeFile(configPath, withPageLocation(text, { pagePort: page.port }))
  const sluice = await startSluice({ configPath, log: options.log })
  const stopServer = async (name: string) => {
    const server = servers.get(name)
    servers.delete(name)
    await server?.shutdown(0)
  }
  return {
    url: page.url,
    startServer,
    stopServer,
    conversationsOpen: () => [...servers.values()].reduce((sum, server) => sum + server.conversationsOpen, 0),
    async stop() {
      await page.stop()
      await sluice.stop(0)
      await Promise.all([...servers.keys()].map(stopServer))
    },
  }
}
