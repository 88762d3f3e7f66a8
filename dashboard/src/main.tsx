import { render } from "preact"
import "uplot/dist/uPlot.min.css"
import { queryOf } from "./address.ts"
import { Api } from "./api.ts"
import { App } from "./app.tsx"
import { LiveStreams } from "./live-streams.ts"
import { type Clock, Store } from "./store.ts"
import "./style.css"
import "./balance.css"

const api = new Api()
const clock: Clock = {
  nowMs: Date.now,
  after(ms, call) {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
}
const isHidden = () => document.hidden
const store = new Store(api, clock, isHidden)
const worker = new Worker(new URL("./stream-worker.ts", import.meta.url), { type: "module" })
const streams = new LiveStreams({ api, clock, isHidden, worker }, queryOf(new URL(location.href)))
// Of all streams, or of none: those of a filter say nothing of the whole.
store.messageRates = () => {
  const { overview } = streams
  return overview !== null && overview.count === overview.total ? overview.rates : null
}

render(<App api={api} store={store} streams={streams} />, document.getElementById("app")!)
store.start()
streams.start()
// What was missed while the page was not looked at.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void store.refresh()
})
