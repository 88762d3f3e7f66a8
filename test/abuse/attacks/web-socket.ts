import { connect, type Socket } from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import type { Attack, Sight, Stage } from "../attack.ts"

const MiB = 2 ** 20
const SETTLE_MS = 1500
const FRAGMENTS = 16_000
const FRAGMENT_SOCKETS = 100
const HALF_SOCKETS = 120
const HALF_OCTETS = 4 * MiB - 1024

const HANDSHAKE = [
  "GET /abuse.Attack/Echo HTTP/1.1",
  "Host: abuse.test",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: grpc-websockets",
  "\r\n",
].join("\r\n")

/** A binary frame of RFC 6455 §5.2, masked with zeros. `first`: FIN and opcode. */
function frame(first: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(14)
  head[0] = first
  head[1] = 0x80 | 127
  head.writeBigUInt64BE(BigInt(payload.length), 2)
  return Buffer.concat([head, payload])
}

/** A fragment of one octet, in the fewest octets. */
const FRAGMENT = Buffer.from([0x00, 0x81, 0, 0, 0, 0, 0x20])
const HEADERS = frame(0x82, Buffer.from("content-type: application/grpc-web+proto\r\n"))
/** The control octet of data, and no more of the message yet. */
const BEGUN = frame(0x02, Buffer.from([0]))

/** Opens WebSockets and sends `octets` on each. Whether they were closed, and how many were taken in. */
async function onEach(stage: Stage, sockets: number, octets: Buffer): Promise<Sight> {
  const startMs = performance.now()
  let accepted = 0
  const all: Socket[] = []
  for (let i = 0; i < sockets; i++) {
    const socket = connect(stage.at)
    all.push(socket)
    socket.on("error", () => {})
    socket.once("data", (answer: Buffer) => {
      if (!answer.includes(" 101 ")) return
      accepted++
      socket.write(HEADERS)
      // In a later turn each: the neighbour lives in this process.
      setTimeout(() => socket.write(octets), 5 * accepted)
    })
    if (stage.reading) socket.resume()
    else socket.once("data", () => socket.pause())
    socket.write(HANDSHAKE)
  }
  let sent = -1
  // Until the kernel and the target take no more.
  for (let rounds = 0; rounds < 12; rounds++) {
    await pause(SETTLE_MS / 3)
    const now = all.reduce((sum, { bytesWritten, writableLength }) => sum + bytesWritten - writableLength, 0)
    if (now === sent) break
    sent = now
  }
  await pause(SETTLE_MS)
  const closed = all.filter(({ destroyed }) => destroyed).length
  for (const socket of all) socket.destroy()
  return {
    end: accepted === 0 ? "refused" : closed > 0 ? "close" : "open",
    code: "",
    frames: 0,
    octets: sent,
    ms: Math.round(performance.now() - startMs),
    note: `${accepted} of ${sockets} were WebSockets, ${closed} were closed`,
    wrong: [],
  }
}

export const webSocket: Attack[] = [
  {
    name: "websocket-fragments",
    source: "RFC 6455 §5.4",
    how: `a message of ${FRAGMENTS.toLocaleString("en")} fragments of one octet that does not end, on ${FRAGMENT_SOCKETS} WebSockets`,
    side: "downstream",
    pace: "flood",
    counters: [],
    bar: { held: "a fragment holds no more than its octet", end: "may" },
    run: (stage) =>
      onEach(
        stage,
        FRAGMENT_SOCKETS,
        Buffer.concat([BEGUN, ...Array.from({ length: FRAGMENTS }, () => FRAGMENT)]),
      ),
  },
  {
    name: "websocket-halves",
    source: "CWE-770",
    how: `half a message of nearly 4 MiB, on ${HALF_SOCKETS} WebSockets`,
    side: "downstream",
    pace: "flood",
    unread: false,
    // It is counted, and the log says which streams were ended, not the counter's name.
    counters: [],
    bar: {
      held: "no more is held than the budget for all, 256 MiB, and one read of each; and it is given back",
      end: "may",
      growthMiBMax: 256 + 64,
      leftMiBMax: 48,
    },
    run: (stage) =>
      onEach(
        stage,
        HALF_SOCKETS,
        Buffer.concat([BEGUN, frame(0x80, Buffer.alloc(HALF_OCTETS)).subarray(0, -64)]),
      ),
  },
]
