/**
 * A handler of each kind that streams, on grpc-js, as a process that can be killed. The others of this folder are the same
 * on grpcio and grpc-go. A message is `08 n`: the number n in field 1. Serve says 1 to the number it is asked for, or from
 * after the one in the request's field 2; Chat gives back what comes; Collect says how many came, at the end. None says
 * a number above the one that the test last wrote on stdin. Where the proxy offers `resume` they speak Stream Continuity, and
 * hand off on SIGTERM; else they know nothing of it, and their head comes with their first message.
 */
import { createInterface } from "node:readline"
import * as grpc from "@grpc/grpc-js"

let most = 0
const wakes = new Set<() => void>()
const handOffs = new Set<() => void>()

const message = (number: number): Buffer => Buffer.from([8, number])

interface AnyCall {
  readonly metadata: grpc.Metadata
  sendMetadata(metadata: grpc.Metadata): void
  on(event: string, listener: (...values: never[]) => void): unknown
}

/** Goes on `step`s as the number rises. Returns how many answers the client has; null: the proxy offers nothing. */
function begin(call: AnyCall, step: () => void): number | null {
  wakes.add(step)
  call.on("cancelled", () => wakes.delete(step))
  const said = (name: string) => call.metadata.get(`continuity-${name}`)[0]?.toString()
  return said("offer")?.includes("resume") === true ? Number(said("delivered") ?? 0) : null
}

/** Says that it goes on: so many client messages are in what the session stands for. */
function accept(call: AnyCall, received: () => number, isOneRequest: boolean, end: (error: object) => void) {
  const head = new grpc.Metadata()
  head.set("continuity-accept", `handoff, resume${isOneRequest ? ", one-request" : ""}`)
  head.set("continuity-session", "nothing is kept")
  head.set("continuity-received", String(received()))
  call.sendMetadata(head)
  const handOff = () => {
    const metadata = new grpc.Metadata()
    metadata.set("continuity-handoff", "1")
    metadata.set("continuity-received", String(received()))
    end({ code: grpc.status.UNAVAILABLE, details: "the server stops", metadata })
  }
  handOffs.add(handOff)
  call.on("cancelled", () => handOffs.delete(handOff))
}

function serve(call: grpc.ServerWritableStream<Buffer, Buffer>): void {
  const [, number = 0, , token = 0] = call.request
  const step = () => {
    for (; next <= Math.min(most, number); next++) call.write(message(next))
    if (next > number && wakes.delete(step)) call.end()
  }
  const delivered = begin(call, step)
  let next = (delivered ?? token) + 1
  if (delivered !== null)
    accept(
      call,
      () => 0,
      true,
      (error) => call.emit("error", error),
    )
  step()
}

function chat(call: grpc.ServerDuplexStream<Buffer, Buffer>): void {
  const waiting: Buffer[] = []
  let isEnded = false
  const step = () => {
    for (; waiting.length > 0 && waiting[0]![1]! <= most; answered++) call.write(waiting.shift()!)
    if (isEnded && waiting.length === 0 && wakes.delete(step)) call.end()
  }
  const delivered = begin(call, step)
  let answered = delivered ?? 0
  if (delivered !== null)
    accept(
      call,
      () => answered,
      false,
      (error) => call.emit("error", error),
    )
  call.on("data", (one: Buffer) => {
    waiting.push(one)
    step()
  })
  call.on("end", () => {
    isEnded = true
    step()
  })
}

function collect(
  call: grpc.ServerReadableStream<Buffer, Buffer>,
  answer: (error: object | null, said?: Buffer) => void,
): void {
  let count = 0
  let isEnded = false
  const step = () => {
    if (isEnded && count <= most && wakes.delete(step)) answer(null, message(count))
  }
  // Nothing is kept, so all is sent again.
  if (begin(call, step) !== null) accept(call, () => 0, false, answer)
  call.on("data", () => count++)
  call.on("end", () => {
    isEnded = true
    step()
  })
}

const octets = (value: Buffer) => value
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  ...{ path: `/kinds.Kinds/${name}`, requestStream, responseStream },
  ...{ requestSerialize: octets, requestDeserialize: octets },
  ...{ responseSerialize: octets, responseDeserialize: octets },
})
const server = new grpc.Server()
server.addService(
  {
    Serve: method("Serve", false, true),
    Chat: method("Chat", true, true),
    Collect: method("Collect", true, false),
  },
  { Serve: serve as never, Chat: chat as never, Collect: collect as never },
)
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error
  console.log(`listening on ${port}`)
})
createInterface({ input: process.stdin }).on("line", (line) => {
  most = Number(line)
  for (const wake of [...wakes]) wake()
})
process.on("SIGTERM", () => {
  for (const handOff of [...handOffs]) handOff()
  server.tryShutdown(() => process.exit(0))
})
