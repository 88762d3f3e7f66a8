/**
 * What clients of the xDS server cost: `node bench/micro/xds-clients.ts [CLIENTS]`, 10,000 unless said otherwise. Each is
 * one connection with one stream of ADS that asks for a listener, its routes, its cluster and that one's endpoints. Prints
 * the memory of Sluice with them, and the time and CPU from a change of endpoints until every client has it.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { type ClientHttp2Stream, connect } from "node:http2"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../src/xds/gen/envoy/service/discovery/v3/discovery_pb.ts"
import { CLUSTER, ENDPOINTS, LISTENER, ROUTES } from "../../src/xds/type-urls.ts"
import { freePort } from "../../test/support/free-port.ts"

const PROGRAM = join(import.meta.dirname, "../../src/cli/main.ts")
const ENDPOINT_COUNT = 100
const CHANGES = 5
const many = Number(process.argv[2] ?? 10_000)

/** One client: acknowledges what it is sent, and counts what it is sent of endpoints. */
class XdsClient {
  readonly #stream: ClientHttp2Stream
  readonly #onEndpoints: () => void
  #rest = Buffer.alloc(0)

  constructor(port: number, onEndpoints: () => void) {
    const session = connect(`http://127.0.0.1:${port}`)
    session.on("error", fail)
    this.#onEndpoints = onEndpoints
    this.#stream = session.request({
      ":method": "POST",
      ":path": "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
      "content-type": "application/grpc",
      te: "trailers",
    })
    this.#stream.on("error", fail)
    this.#stream.on("data", (octets: Buffer) => this.#read(octets))
    for (const type of [LISTENER, ROUTES, CLUSTER, ENDPOINTS]) this.#ask(type, "")
  }

  #ask(typeUrl: string, responseNonce: string): void {
    const request = create(DiscoveryRequestSchema, {
      node: { id: "bench" },
      typeUrl,
      resourceNames: ["chat"],
      responseNonce,
    })
    const octets = toBinary(DiscoveryRequestSchema, request)
    const head = Buffer.alloc(5)
    head.writeUInt32BE(octets.length, 1)
    this.#stream.write(Buffer.concat([head, octets]))
  }

  #read(octets: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, octets])
    while (this.#rest.length >= 5) {
      const end = 5 + this.#rest.readUInt32BE(1)
      if (this.#rest.length < end) return
      const { typeUrl, nonce } = fromBinary(DiscoveryResponseSchema, this.#rest.subarray(5, end))
      this.#rest = this.#rest.subarray(end)
      this.#ask(typeUrl, nonce)
      if (typeUrl === ENDPOINTS) this.#onEndpoints()
    }
  }
}

function fail(error: Error): never {
  console.error(error.message)
  process.exit(1)
}

/** Of the whole process: resident octets, and user and system time in milliseconds. */
function usageOf(pid: number): { rssMiB: number; cpuMs: number } {
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
  return { rssMiB: Number(rss) / 1024, cpuMs: (Number(fields[11]) + Number(fields[12])) * 10 }
}

const folder = mkdtempSync(join(tmpdir(), "sluice-xds-bench-"))
const [port, listener] = [await freePort(), await freePort()]
const file = join(folder, "endpoints.json")
const endpoints = (change: number) =>
  Array.from({ length: ENDPOINT_COUNT }, (_, i) => ({
    address: `10.0.${i}.1:${50_000 + change}`,
    weight: 1 + (i % 3),
  }))
writeFileSync(file, JSON.stringify(endpoints(0)))
const config = join(folder, "sluice.yaml")
writeFileSync(
  config,
  JSON.stringify({
    listeners: `127.0.0.1:${listener}`,
    admin: { address: `unix:${join(folder, "admin.sock")}`, xds: port },
    clusters: { chat: { discovery: [{ file }] } },
  }),
)
const sluice = spawn(process.execPath, [PROGRAM, "run", config], { stdio: ["ignore", "ignore", "pipe"] })
process.on("exit", () => {
  sluice.kill("SIGKILL")
  rmSync(folder, { recursive: true, force: true })
})
for await (const chunk of sluice.stderr) if (String(chunk).includes('"message":"listening"')) break
const before = usageOf(sluice.pid!)

let told = 0
let onAll = (): void => {}
const all = (): Promise<void> =>
  new Promise((resolve) => {
    onAll = resolve
  })
const counted = (): void => {
  if (++told === many) onAll()
}
const first = all()
for (let i = 0; i < many; i++) {
  new XdsClient(port, counted)
  // So many connect at once as the queue of a listening socket takes.
  while (i - told > 200) await new Promise((resolve) => setTimeout(resolve, 1))
}
await first
const { rssMiB } = usageOf(sluice.pid!)
console.log(
  `${many} clients: ${Math.round(rssMiB)} MiB, ${(((rssMiB - before.rssMiB) * 1024) / many).toFixed(1)} KiB each`,
)
for (let change = 1; change <= CHANGES; change++) {
  told = 0
  const { cpuMs } = usageOf(sluice.pid!)
  const beganMs = performance.now()
  const heard = all()
  writeFileSync(file, JSON.stringify(endpoints(change)))
  await heard
  const tookMs = performance.now() - beganMs
  console.log(
    `a change of ${ENDPOINT_COUNT} endpoints at all of them: ${Math.round(tookMs)} ms, up to 1,000 of which the file waits to be looked at; ${usageOf(sluice.pid!).cpuMs - cpuMs} ms of CPU`,
  )
}
sluice.kill("SIGKILL")
await once(sluice, "exit")
process.exit()
