import { render } from "preact"
import { App } from "./app.tsx"
import { Conversation } from "./conversation.ts"
import "./style.css"
import { webSocketUrl } from "./web-socket-url.ts"

const url = await webSocketUrl(new URL(location.href))

const startConversation = () =>
  new Conversation({
    connect: () => new WebSocket(url),
    now: Date.now,
    random: Math.random,
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs)
      return () => clearTimeout(timer)
    },
  })

render(<App startConversation={startConversation} />, document.getElementById("app")!)
