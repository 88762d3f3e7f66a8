import type { Attack, Sight, Stage } from "../attack.ts"
import type { Call } from "../backend.ts"
import { block } from "../hpack.ts"
import { describeStream, Peer, request } from "../peer.ts"
import * as wire from "../wire.ts"

const { END_HEADERS, END_STREAM } = wire.Flag
const CALLS = 200

interface Row {
  name: string
  source: string
  how: string
  held: string
  pace: Attack["pace"]
  /** What the backend does to each call. */
  treat: (call: Call) => void
  /** How long an honest client waits for its answers. */
  waitTimeoutMs: number
  calls: number
  /** Calls or connections that may reach the backend for each call of a client. */
  triesMax: number
}

/** What a backend can do to the calls it gets, so that one failure becomes many. */
const rows: Row[] = [
  {
    name: "up-refuse-all",
    source: "gRFC A6 (retry throttling); RFC 9113 §8.7",
    how: `RST_STREAM(REFUSED_STREAM) for each of ${CALLS} calls: each may be retried, again and again`,
    held: "at most 3 tries for each call, and each call gets an ending",
    pace: "flood",
    treat: ({ connection, streamId }) =>
      void connection.send(wire.rstStream(streamId, wire.ErrorCode.REFUSED_STREAM)),
    waitTimeoutMs: 3000,
    calls: CALLS,
    triesMax: 3,
  },
  {
    name: "up-goaway-churn",
    source: "RFC 9113 §6.8",
    how: `GOAWAY(0) to each of ${CALLS} calls: not processed, so each may be retried on a new connection`,
    held: "at most 3 tries for each call, and each call gets an ending",
    pace: "flood",
    treat: ({ connection }) => {
      connection.send(wire.goaway(0, wire.ErrorCode.NO_ERROR))
      connection.socket.end()
    },
    waitTimeoutMs: 3000,
    calls: CALLS,
    triesMax: 3,
  },
  {
    name: "up-half-a-block",
    source: "slowloris from behind; RFC 9113 §6.10",
    how: "half a response header block, then silence: nothing else can be sent on that connection",
    held: "the connection is ended and the call gets an ending within 13 s",
    pace: "slow",
    treat: ({ connection, streamId }) =>
      void connection.send(wire.headers(streamId, block([[":status", "200"]]), 0)),
    waitTimeoutMs: 13_000,
    calls: 1,
    triesMax: 3,
  },
]

async function callAll(stage: Stage, row: Row): Promise<Sight> {
  const startMs = performance.now()
  const hostile = stage.hostile!
  hostile.onAttack = row.treat
  const client = await Peer.connect(stage.at)
  const call = block(request(`/hostile/${row.name}/Attack`))
  for (let i = 0; i < row.calls; i++) {
    client.send(wire.headers(2 * i + 1, call, END_HEADERS | END_STREAM))
    // An honest client keeps to a modest number at once.
    await client.until(() => client.over || openCalls(client, i + 1) < 50, row.waitTimeoutMs)
  }
  await client.until(() => client.over || openCalls(client, row.calls) === 0, row.waitTimeoutMs)
  const open = client.over ? 0 : openCalls(client, row.calls)
  const endings = new Set([...client.streams.values()].map(describeStream))
  const tries = Math.max(hostile.calls, hostile.connectionsMade)
  client.destroy()
  for (const connection of hostile.connections) connection.destroy()
  return {
    end: open > 0 ? "open" : "refused",
    code: "",
    frames: hostile.calls,
    octets: 0,
    ms: Math.round(performance.now() - startMs),
    note: `${row.calls} calls, ${hostile.calls} tries on ${hostile.connectionsMade} connections: ${[...endings].join(", ")}`,
    wrong: [
      ...(open > 0 ? [`${open} of ${row.calls} calls without an ending`] : []),
      ...(tries > row.triesMax * row.calls ? [`${tries} tries for ${row.calls} calls`] : []),
    ],
  }
}

function openCalls(client: Peer, sent: number): number {
  let open = sent
  for (const view of client.streams.values()) if (view.ended || view.reset !== null) open -= 1
  return open
}

export const upstreamCalls: Attack[] = rows.map((row) => ({
  name: row.name,
  source: row.source,
  how: row.how,
  side: "upstream",
  pace: row.pace,
  unread: false,
  counters: row.pace === "slow" ? ["header_block_timeout"] : [],
  bar: { held: row.held, end: "must" },
  run: (stage) => callAll(stage, row),
}))
