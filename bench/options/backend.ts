/**
 * A backend of docs/options.md: `node bench/options/backend.ts PORT [NUMBER]`. It sends each message of a stream back with
 * its number before it, and knows Stream Continuity: the n-th answer is made of the n-th message alone, so all that it has
 * to know of a stream that goes on is how many answers the client has.
 */
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js"
import { Leg } from "../../examples/continuity/node/continuity.ts"
import { offerMove } from "../../examples/continuity/node/move.ts"
import { asItIs, ECHO_PATH, FIRST_PORT, WHERE_PATH } from "./service.ts"

const port = Number(process.argv[2])
const name = Buffer.of(Number(process.argv[3] ?? port - FIRST_PORT))
/** By `call leg`: what ends a leg here. */
const handOffs = new Map<string, () => void>()

function echo(call: ServerDuplexStream<Buffer, Buffer>): void {
  const leg = new Leg(call.metadata)
  leg.received = leg.delivered ?? 0
  if (leg.call !== "") leg.accept(call)
  const key = `${leg.call} ${leg.number}`
  let isOver = false
  const end = (): boolean => {
    isOver = true
    return handOffs.delete(key)
  }
  if (leg.call !== "") handOffs.set(key, () => end() && leg.end(call, "handoff", "it moves"))
  call.on("data", (message: Buffer) => {
    if (isOver) return
    leg.received++
    call.write(Buffer.concat([name, message]))
  })
  call.on("end", () => {
    if (!isOver) call.end()
    end()
  })
  call.on("cancelled", end)
}

const codec = {
  requestSerialize: asItIs,
  requestDeserialize: asItIs,
  responseSerialize: asItIs,
  responseDeserialize: asItIs,
}
const server = new Server()
server.addService(
  {
    Echo: { path: ECHO_PATH, requestStream: true, responseStream: true, ...codec },
    Where: { path: WHERE_PATH, requestStream: false, responseStream: false, ...codec },
  },
  { Echo: echo, Where: (_call: unknown, done: (error: null, answer: Buffer) => void) => done(null, name) },
)
offerMove(server, handOffs)
server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error
  console.log(`backend ${name[0]} listens on ${port}`)
})
