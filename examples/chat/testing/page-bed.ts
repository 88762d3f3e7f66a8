import { buildPage } from "../demo/build-page.ts"
import { claimFreePort } from "../demo/free-port.ts"
import { startPageServer } from "../demo/page-server.ts"
import { type ChatServer, startChatServer } from "../start-chat-server.ts"
import { startStandInBridge } from "./stand-in-bridge.ts"

/** Two chat servers, the stand-in bridge and the page, in this process. */
export async function startPageBed(options: { folder: string; log: (line: string) => void }) {
  await buildPage(options.folder)
  const servers = new Map<string, ChatServer>()
  const startServer = async (name: string, port = 0) => {
    const log = (line: string) => options.log(`[${name}] ${line}`)
    servers.set(name, await startChatServer({ host: "127.0.0.1", port, name, log }))
  }
  await startServer("A")
  await startServer("B")
  const addresses = () => [...servers.values()].map(({ host, port }) => `${host}:${port}`)
  const bridge = await startStandInBridge({ port: 0, servers: addresses })
  const page = await startPageServer({
    folder: options.folder,
    host: "127.0.0.1",
    port: await claimFreePort(8081, "127.0.0.1", new Set()),
    config: { webSocketPort: bridge.port, webSocketPath: "/ws" },
  })
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
      await bridge.stop()
      await Promise.all([...servers.keys()].map(stopServer))
    },
  }
}
