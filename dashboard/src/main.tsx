import { render } from "preact"
import { queryOf } from "./address.ts"
import { Api } from "./api.ts"
import { App } from "./app.tsx"
import { frames, watchScrolling } from "./frame-queue.ts"
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
const isScrolling = () => frames.isScrolling
const streams = new LiveStreams(
  { api, clock, isHidden, heardMs: () => store.heardMs, isScrolling, worker },
  queryOf(new URL(location.href)),
)
// Of all streams, or of none: those of a filter say nothing of the whole.
store.messageRates = () => {
  const { overview } = streams
  return overview !== null && overview.count === overview.total ? overview.rates : null
}

function start(): void {
  // Asked before anything is drawn.
  store.start()
  streams.start()
  watchScrolling()
  const host = document.getElementById("app")!
  host.replaceChildren()
  render(<App api={api} store={store} streams={streams} />, host)
}

// The page as it came is shown first: neither its own drawing nor lists of streams hold up the first picture.
if (document.hidden) start()
else requestAnimationFrame(() => setTimeout(start))
// What was missed while the page was not looked at.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void store.refresh()
})
