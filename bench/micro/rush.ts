/**
 * What a rush leaves in memory: `node bench/micro/rush.ts [SECONDS]`. In a fresh Sluice each: 400 WebSockets that send
 * half of a message of 4 MiB, and 2000 streams that upload to a backend that takes nothing. Prints RSS before, at its
 * highest, when all is gone for SECONDS (60 unless said otherwise), and the same after a second rush, which shows what is
 * kept and what is lost; beside the highest that is asked for, 1.5 times `bufferedOctetsMax` and 200 MiB.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defaultLimits } from "../../src/base/limits.ts"
import { residentOctets } from "../../test/abuse/memory.ts"
import { freePort } from "../../test/support/free-port.ts"
import { RawServer } from "../../test/support/raw-server.ts"
import { plainTable } from "../report/table.ts"

const PROGRAM = join(import.meta.dirname, "../../src/cli/main.ts")
const PATH = "/rush.Rush/Send"
const SAMPLE_MS = 50
/** Nothing has grown for so long: the rush is at its end. */
const CALM_MS = 2_000
const MIB = 1 << 20

interface Rush {
  readonly name: string
  /** Sends it all; the function that it resolves with ends it. */
  start(port: number): Promise<() => void>
}

/** RFC 6455 §5.2: a binary frame with a mask of zeros. */
function binaryFrame(payload: Buffer, isLast: boolean): Buffer {
  const head = Buffer.alloc(14)
  head[0] = isLast ? 0x82 : 0x02
  head[1] = 0x80 | 127
  head.writeBigUInt64BE(BigInt(payload.length), 2)
  return Buffer.concat([head, payload])
}

const UPGRADE = [
  `GET ${PATH} HTTP/1.1`,
  "Host: a.test",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: grpc-websockets",
  "\r\n",
].join("\r\n")
const HEADER_BLOCK = binaryFrame(
  Buffer.from("content-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n"),
  true,
)
const HALF = binaryFrame(Buffer.alloc(2 * MIB), false)

const RUSHES: Rush[] = [
  {
    name: "400 half-sent messages of 4 MiB",
    start: async (port) => {
      const sockets: Socket[] = []
      for (let many = 0; many < 400; many++) {
        const socket = connect(port, "127.0.0.1")
        socket.on("error", () => {})
        socket.resume()
        for (const octets of [UPGRADE, HEADER_BLOCK, HALF]) socket.write(octets)
        sockets.push(socket)
      }
      return () => {
        for (const socket of sockets) socket.destroy()
      }
    },
  },
  {
    name: "2000 uploads that are not taken",
    start: async (port) => {
      const body = Buffer.alloc(MIB)
      const sessions: ClientHttp2Session[] = []
      for (let many = 0; many < 20; many++) {
        const session = connectHttp2(`http://127.0.0.1:${port}`)
        session.on("error", () => {})
        for (let stream = 0; stream < 100; stream++) {
          const headers = {
            ":method": "POST",
            ":path": PATH,
            "content-type": "application/grpc",
            te: "trailers",
          }
          const call = session.request(headers)
          call.on("error", () => {})
          call.resume()
          call.write(body)
        }
        sessions.push(session)
      }
      return () => {
        for (const session of sessions) session.destroy()
      }
    },
  },
]

const waitMs = 1000 * Number(process.argv[2] ?? 60)
const folder = mkdtempSync(join(tmpdir(), "sluice-rush-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function startSluice(backend: number) {
  const port = await freePort()
  const config = join(folder, "sluice.yaml")
  const clusters = { rush: { endpoints: [`127.0.0.1:${backend}`] } }
  writeFileSync(
    config,
    JSON.stringify({ listeners: `127.0.0.1:${port}`, bridge: { webSocket: true }, clusters }),
  )
  const sluice = spawn(process.execPath, [PROGRAM, "run", config], { stdio: ["ignore", "ignore", "pipe"] })
  let log = ""
  sluice.stderr.on("data", (chunk) => {
    log = (log + chunk).slice(-4000)
  })
  const kill = () => sluice.kill("SIGKILL")
  process.on("exit", kill)
  while (!log.includes('"message":"listening"')) {
    if (sluice.exitCode !== null) throw new Error(log)
    await pause(20)
  }
  return { port, pid: sluice.pid!, stop: () => sluice.kill("SIGTERM") }
}

/** The highest RSS until it has not risen for a while. */
async function highestOf(pid: number): Promise<number> {
  let most = 0
  for (let calmMs = 0; calmMs < CALM_MS; calmMs += SAMPLE_MS) {
    const now = residentOctets(pid)
    if (now > most) {
      most = now
      calmMs = 0
    }
    await pause(SAMPLE_MS)
  }
  return most
}

async function measure(rush: Rush): Promise<string[]> {
  const backend = await RawServer.start({ givesCredit: false })
  const sluice = await startSluice(backend.port)
  await pause(CALM_MS)
  const before = residentOctets(sluice.pid)
  const cells: string[] = []
  for (let time = 1; time <= 2; time++) {
    const end = await rush.start(sluice.port)
    const most = await highestOf(sluice.pid)
    end()
    await pause(waitMs)
    const left = residentOctets(sluice.pid)
    cells.push(mib(most), `${mib(left)} (${(left / before).toFixed(2)})`)
  }
  sluice.stop()
  await backend.close()
  return [rush.name, mib(before), ...cells]
}

function mib(octets: number): string {
  return (octets / MIB).toFixed(0)
}

const asked = mib(1.5 * defaultLimits.bufferedOctetsMax + 200 * MIB)
const rows = [["MiB of RSS", "before", `at most (${asked})`, "left", "again at most", "left"]]
for (const rush of RUSHES) rows.push(await measure(rush))
console.log(plainTable(rows))
process.exit()
