/** Counts the messages of each stream. node counter.ts STATE.sqlite PORT */
import { DatabaseSync } from "node:sqlite"
import { setTimeout as pause } from "node:timers/promises"
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js"
import { Leg } from "./continuity.ts"
import { offerMove } from "./move.ts"

const [path, port] = process.argv.slice(2)
const database = new DatabaseSync(path!)
database.exec("PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL")
database.exec("CREATE TABLE IF NOT EXISTS counts (session TEXT PRIMARY KEY, leg INTEGER, received INTEGER)")
const begin = database.prepare("INSERT OR IGNORE INTO counts VALUES (?, ?, 0)")
const take = database.prepare("UPDATE counts SET leg = ? WHERE session = ? AND leg < ? RETURNING received")
// The leg's number is the fence: a process that was frozen, and is not the stream's any more, changes no row.
const store = database.prepare("UPDATE counts SET received = ? WHERE session = ? AND leg = ?")
/** By `call leg`: what ends a leg here. */
const handOffs = new Map<string, () => void>()

function count(call: ServerDuplexStream<Buffer, Buffer>): void {
  const leg = new Leg(call.metadata)
  if (leg.delivered === null) begin.run(leg.session, leg.number)
  else {
    const state = take.get(leg.number, leg.session, leg.number)
    if (state === undefined) return leg.end(call, "refuse", "no such session")
    leg.received = Number(state.received)
  }
  leg.accept(call)
  const answer = (n: number) => call.write(Buffer.from(String(n)))
  for (let n = (leg.delivered ?? 0) + 1; n <= leg.received; n++) answer(n)
  const key = `${leg.call} ${leg.number}`
  handOffs.set(key, () => handOffs.delete(key) && leg.end(call, "handoff", "the server stops"))
  call.on("data", () => {
    if (!handOffs.has(key)) return
    if (store.run(leg.received + 1, leg.session, leg.number).changes === 0) return call.destroy()
    answer(++leg.received)
  })
  call.on("end", () => handOffs.delete(key) && call.end())
  call.on("cancelled", () => handOffs.delete(key))
}

const octets = (message: Buffer) => message
const codec = {
  requestSerialize: octets,
  requestDeserialize: octets,
  responseSerialize: octets,
  responseDeserialize: octets,
}
const server = new Server()
server.addService(
  { Count: { path: "/counter.Counter/Count", requestStream: true, responseStream: true, ...codec } },
  { Count: count },
)
offerMove(server, handOffs)
server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
  if (error !== null) throw error
  console.log(`listening on ${bound}`)
})
const first = () => handOffs.values().next().value
process.on("SIGTERM", async () => {
  // No new stream comes from here on. Those there are go one after the other: who takes them over takes so many a second.
  server.tryShutdown(() => process.exit(0))
  for (let next = first(); next !== undefined; next = first()) {
    next()
    await pause(1)
  }
})
