import { render } from "preact"
import { App } from "./app.tsx"
import { Conversation } from "./conversation.ts"
import { LiveBalancer } from "./live-balancer.ts"
import { pageConfig } from "./page-config.ts"
import "./style.css"

const { webSocketUrl, dashboardUrl } = await pageConfig(new URL(location.href))

const balancer = dashboardUrl === null ? null : new LiveBalancer()
balancer?.start()

const startConversation = () => {
  let path = ""
  const conversation = new Conversation({
    connect() {
      if (balancer === null) return new WebSocket(webSocketUrl)
      // A place of its own for each, so that it can be found among the balancer's streams.
      const url = new URL(webSocketUrl)
      url.pathname += `/${Math.random().toString(36).slice(2)}`
      path = url.pathname
      return new WebSocket(url)
    },
    now: Date.now,
    random: Math.random,
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs)
      return () => clearTimeout(timer)
    },
  })
  const stop = balancer?.subscribe(() => {
    const server = balancer.serverAt(path)
    if (server !== null && server !== "") conversation.moved(server)
  })
  return { conversation, dispose: () => stop?.() }
}

render(
  <App startConversation={startConversation} balancer={balancer} dashboardUrl={dashboardUrl} />,
  document.getElementById("app")!,
)
