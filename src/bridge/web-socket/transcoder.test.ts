import { EventEmitter } from "node:events"
import { expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { Counters } from "../../base/counters.ts"
import { defaultLimits } from "../../base/limits.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import type { CallContext } from "../../relay/call/call-context.ts"
import { ReplayRing } from "../../relay/call/replay-ring.ts"
import type { Route } from "../../relay/route/route.ts"
import type { BridgeSocket } from "./bridge-socket.ts"
import { WebSocketTranscoder } from "./transcoder.ts"

/** A socket whose messages are taken when the test says so. */
class FakeSocket extends EventEmitter {
  readonly isPaused = false
  readonly waiting: ((error?: Error) => void)[] = []
  readonly said: string[] = []

  send(_message: Buffer, taken: (error?: Error) => void): void {
    this.waiting.push(taken)
  }

  ping(): void {
    this.said.push("ping")
  }

  terminate(): void {
    this.said.push("terminated")
  }

  finish(code: number): void {
    this.said.push(`close ${code}`)
  }
}

class PlainCall extends WebSocketTranscoder {
  protected receive(): void {}
  protected sendHead(): void {}

  protected sendMessages(octets: Buffer, start: number, end: number): number {
    this.write(octets.subarray(start, end))
    return this.written(end - start)
  }

  protected sendStatus(): void {
    this.write("status")
    this.closeSocket(1000)
  }
}

function makeCall() {
  const clock = new ManualClock()
  const context = {
    clock,
    limits: defaultLimits,
    counters: new Counters(),
    budget: new BufferBudget(defaultLimits),
    replayRing: new ReplayRing(),
    onStreamEnd: () => {},
    ticks: { ticks: 0 },
  } as unknown as CallContext
  const fields = [":method", "POST", ":scheme", "http", ":path", "/", "content-type", "application/grpc"]
  const head = { list: new HeaderList(fields), method: "POST", scheme: "http", authority: "", path: "/" }
  const socket = new FakeSocket()
  const call = new PlainCall({
    context,
    connection: { remoteAddress: "", requests: 1 } as ConnectionRecord,
    head: { ...head, contentLength: -1 },
    route: { settings: {}, meter: null, serverName: "", accessLogs: [], host: {} } as unknown as Route,
    socket: socket as unknown as BridgeSocket,
    source: { heldOctets: 0, discard: () => {} },
    handshakePath: "/",
    onOver: () => {},
  })
  const pass = (seconds: number): void => {
    for (let second = 0; second < seconds && !call.isClosed; second++) {
      clock.advance(1000)
      call.tick(clock.now())
    }
  }
  const send = (): number => call.sendData(Buffer.alloc(5), 0, 5, false)
  return { call, socket, pass, send }
}

test("a page is alive as long as it takes what waits for it, though it has come to no ping", () => {
  const { call, socket, pass, send } = makeCall()
  for (let i = 0; i < 4; i++) {
    send()
    pass(40)
    socket.waiting.shift()!()
  }
  expect(socket.said).toEqual(["ping", "ping", "ping", "ping"])
  send()
  pass(60)
  expect([call.isClosed, socket.said.slice(4)]).toEqual([true, ["ping", "terminated"]])
})

test.each([
  ["took it at once", (socket: FakeSocket) => socket.waiting.shift()?.(), 0],
  ["failed", (socket: FakeSocket) => socket.waiting.shift()?.(new Error("broken")), 5],
] as const)("that the kernel %s is no sign of life", (_, settle, afterSeconds) => {
  const { call, socket, pass, send } = makeCall()
  for (let seconds = 0; seconds < 60; seconds += 5) {
    send()
    pass(afterSeconds)
    settle(socket)
    pass(5 - afterSeconds)
  }
  expect([call.isClosed, socket.said]).toEqual([true, ["ping", "terminated"]])
})

test("the Close goes out when the status is taken, and the call is not over before", () => {
  const { call, socket, send } = makeCall()
  send()
  call.sendHeaders(new HeaderList([":status", "200", "content-type", "application/grpc"]), false)
  call.sendHeaders(new HeaderList(["grpc-status", "0"]), true)
  call.reset(0)
  socket.waiting.shift()!()
  expect([call.isClosed, socket.said]).toEqual([false, []])
  socket.waiting.shift()!()
  expect([call.isClosed, socket.said]).toEqual([true, ["close 1000"]])
})
