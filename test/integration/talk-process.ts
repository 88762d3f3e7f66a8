/**
 * A backend of the Talk service that speaks Stream Continuity and needs no store, as a process that can be killed: what it
 * has said follows from what it was asked. `Count` says 0, 1, 2 … up to the number it is asked for, and `Chat` gives each
 * word back, both no further than the test has said on stdin: a number more a line. SIGTERM: hands off.
 */
import { createInterface } from "node:readline"
import * as grpc from "@grpc/grpc-js"
import { toServiceDefinition } from "../../examples/chat/grpc-service.ts"
import { ReflectionService } from "../../examples/chat/reflection-service.ts"
import { Talk, type Word, word } from "../support/talk-backend.ts"

type Call = grpc.ServerDuplexStream<Word, Word>

/** How far streams may go. */
let most = 0
const wakes = new Set<() => void>()
const handOffs = new Set<() => void>()

function said(call: Call, name: string): string | undefined {
  return call.metadata.get(`continuity-${name}`)[0]?.toString()
}

/** Says that it goes on, and how: `received` client messages are in what the stream's name stands for. */
function accept(call: Call, received: number, isOneRequest = false): void {
  const head = new grpc.Metadata()
  head.set("continuity-accept", isOneRequest ? "handoff, resume, one-request" : "handoff, resume")
  head.set("continuity-session", "all that is needed is in the request")
  if (said(call, "delivered") !== undefined) head.set("continuity-received", String(received))
  call.sendMetadata(head)
}

function serve(call: Call, received: () => number, step: () => void): void {
  const handOff = (): void => {
    over()
    const metadata = new grpc.Metadata()
    metadata.set("continuity-handoff", "1")
    metadata.set("continuity-received", String(received()))
    call.emit("error", { code: grpc.status.UNAVAILABLE, details: "the server stops", metadata })
  }
  const over = (): void => {
    handOffs.delete(handOff)
    wakes.delete(step)
  }
  handOffs.add(handOff)
  wakes.add(step)
  call.on("cancelled", over)
  call.on("finish", over)
  step()
}

/** Called once its request is here, as handlers of methods with one request are: every leg is sent it at once. */
function count(call: Call & { readonly request: Word }): void {
  let next = Number(said(call, "delivered") ?? 0)
  const { number } = call.request
  accept(call, 0, true)
  const step = (): void => {
    for (; next < Math.min(most, Number(number)); next++) call.write(word({ number: BigInt(next) }))
    if (next === Number(number)) call.end()
  }
  serve(call, () => 0, step)
}

function chat(call: Call): void {
  let answered = Number(said(call, "delivered") ?? 0)
  const words: Word[] = []
  let isEnded = false
  accept(call, answered)
  const step = (): void => {
    for (; answered < most && words.length > 0; answered++) call.write(words.shift()!)
    if (isEnded && words.length === 0) call.end()
  }
  serve(call, () => answered, step)
  call.on("data", (one: Word) => {
    words.push(one)
    step()
  })
  call.on("end", () => {
    isEnded = true
    step()
  })
}

const server = new grpc.Server()
server.addService(toServiceDefinition(Talk), {
  Count: count as never,
  Chat: chat as never,
  Say: (call: grpc.ServerUnaryCall<Word, Word>, done: grpc.sendUnaryData<Word>) => done(null, call.request),
})
const reflection = new ReflectionService([Talk])
for (const each of reflection.definitions) server.addService(each, { ...reflection.implementation })
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
