import { expect, test } from "vitest"
import { reconnectDelayMs } from "./backoff.ts"
import { Conversation, type Entry, type Environment, HEARTBEAT, type Socket } from "./conversation.ts"
import { parseFrame } from "./frames.ts"

/** A conversation whose sockets, clock and timers are in the test's hand. */
class Bed implements Environment {
  readonly sockets: FakeSocket[] = []
  nowMs = 0
  timers: { atMs: number; callback: () => void }[] = []
  readonly conversation = new Conversation(this)

  connect(): Socket {
    const socket = new FakeSocket()
    this.sockets.push(socket)
    return socket
  }
  now() {
    return this.nowMs
  }
  random() {
    return 0.5
  }
  after(delayMs: number, callback: () => void) {
    const timer = { atMs: this.nowMs + delayMs, callback }
    this.timers.push(timer)
    return () => void (this.timers = this.timers.filter((other) => other !== timer))
  }
  /** Lets time pass up to the next timer, and fires it. */
  nextTimer() {
    const timer = this.timers.shift()!
    this.nowMs = timer.atMs
    timer.callback()
  }
  get socket() {
    return this.sockets.at(-1)!
  }
  get phase() {
    return this.conversation.state.phase.kind
  }
  /** The entries, without numbers and times. */
  get entries() {
    return this.conversation.state.entries.map(({ id: _id, atMs: _atMs, ...rest }: Entry) => rest)
  }
  /** Sluice has taken the WebSocket. */
  accept() {
    this.socket.onopen?.({} as Event)
    return this
  }
  /** And a server has shown itself. */
  open() {
    this.accept().receive({ "@headers": {} })
    return this
  }
  receive(frame: object) {
    this.socket.onmessage?.({ data: JSON.stringify(frame) } as MessageEvent)
  }
  lose() {
    this.socket.onclose?.({} as CloseEvent)
  }
}

class FakeSocket implements Socket {
  onopen: Socket["onopen"] = null
  onmessage: Socket["onmessage"] = null
  onclose: Socket["onclose"] = null
  sent: string[] = []
  closed = false
  send(data: string) {
    this.sent.push(data)
  }
  close() {
    this.closed = true
  }
}

const UNAVAILABLE = { "@status": { code: 14, message: "gone" } }

test("a conversation from start to the server's end", () => {
  const bed = new Bed()
  expect(bed.phase).toBe("connecting")
  expect(bed.conversation.say("too early")).toBe(false)
  bed.open()
  bed.receive({ "@headers": { "x-chat-server": "A" } })
  bed.conversation.say("你好")
  bed.receive({ output: "服务端返回: 你好" })
  bed.receive({})
  bed.conversation.say(HEARTBEAT)
  bed.receive({ "@status": { code: 0, message: "", details: [] } })
  expect(bed.socket.sent).toEqual(['{"input":"你好"}', '{"input":"\\n"}'])
  expect(bed.entries).toEqual([
    { kind: "opened", server: "A" },
    { kind: "said", text: "你好" },
    { kind: "heard", text: "服务端返回: 你好", server: "A" },
    { kind: "heard", text: "", server: "A" },
    { kind: "heartbeat" },
    { kind: "status", status: { code: 0, message: "" } },
  ])
  expect(bed.phase).toBe("ended")
  expect(bed.socket.closed).toBe(true)
  expect(bed.timers).toEqual([])
})

test("after the half-close nothing more is said, but heard", () => {
  const bed = new Bed().open()
  bed.conversation.halfClose()
  bed.conversation.halfClose()
  expect(bed.conversation.say("more")).toBe(false)
  bed.receive({ output: "still" })
  expect(bed.socket.sent).toEqual(['{"@end":{}}'])
  expect(bed.phase).toBe("halfClosed")
  bed.receive({ "@status": { code: 0, message: "" } })
  expect(bed.phase).toBe("ended")
})

test.each([
  { name: "a lost connection", fail: (bed: Bed) => bed.lose() },
  { name: "UNAVAILABLE", fail: (bed: Bed) => bed.receive(UNAVAILABLE) },
])("$name opens another stream, and what was said stays", ({ fail }) => {
  const bed = new Bed().open()
  bed.receive({ "@headers": { "x-chat-server": "A" } })
  bed.receive({ output: "one" })
  fail(bed)
  expect(bed.conversation.state).toMatchObject({ phase: { kind: "waiting" }, server: null })
  bed.nextTimer()
  bed.open()
  expect(bed.sockets.length).toBe(2)
  expect(bed.phase).toBe("open")
  expect(bed.entries[1]).toMatchObject({ kind: "heard", text: "one" })
})

test("any other status ends it until it is started again", () => {
  const bed = new Bed().open()
  bed.receive({ "@status": { code: 3, message: "bad JSON" } })
  expect(bed.phase).toBe("ended")
  expect(bed.timers).toEqual([])
  bed.conversation.restart()
  bed.open()
  expect(bed.phase).toBe("open")
})

test("attempts that fail are told as one, never as open, and the first cause stays", () => {
  const bed = new Bed().open()
  bed.receive({ output: "one" })
  bed.receive({ "@status": { code: 14, message: "killed" } })
  const phases = new Set<string>()
  bed.conversation.subscribe(() => phases.add(bed.phase))
  for (let attempt = 0; attempt < 3; attempt++) {
    bed.nextTimer()
    bed.accept()
    bed.receive({ "@status": { code: 14, message: "refused" } })
  }
  expect(phases).toEqual(new Set(["connecting", "waiting"]))
  expect(bed.entries.slice(1)).toEqual([
    { kind: "heard", text: "one", server: null },
    { kind: "status", status: { code: 14, message: "killed" } },
    { kind: "failedAttempts", count: 3, message: "refused" },
  ])
})

test("a server that says nothing of itself is taken for open after a while", () => {
  const bed = new Bed().accept()
  expect(bed.phase).toBe("connecting")
  bed.nextTimer()
  expect(bed.phase).toBe("open")
  bed.receive({ "@headers": { "x-chat-server": "late" } })
  expect(bed.entries).toEqual([{ kind: "opened", server: "late" }])
})

test("what is said after the end opens another stream and is sent there", () => {
  const bed = new Bed().open()
  bed.receive({ "@status": { code: 0, message: "" } })
  bed.conversation.restart("again")
  bed.accept()
  expect(bed.socket.sent).toEqual([])
  bed.receive({ "@headers": {} })
  expect(bed.socket.sent).toEqual(['{"input":"again"}'])
})

test("attempts are later and later, and at once when asked for", () => {
  const bed = new Bed()
  const delays = Array.from({ length: 7 }, () => {
    bed.lose()
    const delayMs = bed.timers[0]!.atMs - bed.nowMs
    bed.nextTimer()
    return delayMs
  })
  expect(delays).toEqual([250, 500, 1000, 2000, 4000, 7500, 7500])
  bed.lose()
  bed.conversation.restart()
  expect(bed.timers).toEqual([])
  expect(bed.phase).toBe("connecting")
})

test("losing the connection after the half-close is an end, not a reason to begin anew", () => {
  const bed = new Bed().open()
  bed.conversation.halfClose()
  bed.lose()
  expect(bed.conversation.state.phase).toEqual({ kind: "ended", status: null })
  expect(bed.timers).toEqual([])
})

test("left behind, it closes its socket and does not come back", () => {
  const bed = new Bed()
  bed.lose()
  bed.conversation.dispose()
  expect(bed.timers).toEqual([])
  expect(bed.socket.closed).toBe(true)
})

test("old entries are forgotten", () => {
  const bed = new Bed().open()
  for (let count = 0; count < 600; count++) bed.receive({ output: String(count) })
  expect(bed.entries.length).toBe(500)
  expect(bed.entries.at(-1)).toMatchObject({ text: "599" })
})

test.each([
  ["not JSON", "{", "unknown"],
  ["an array", "[1]", "unknown"],
  ["null", "null", "unknown"],
  ["bytes", new Uint8Array(1), "unknown"],
  ["a control frame of later days", '{"@later":{}}', "unknown"],
  ["an empty message", "{}", "output"],
  ["a status", '{"@status":{}}', "status"],
])("a frame of %s", (_what, data, kind) => {
  expect(parseFrame(data).kind).toBe(kind)
})

test("the reconnect delay is drawn from the whole range below its ceiling", () => {
  expect(reconnectDelayMs(0, () => 0)).toBe(100)
  expect(reconnectDelayMs(3, () => 0.25)).toBe(1000)
  expect(reconnectDelayMs(1000, () => 0.999)).toBeLessThan(15_000)
})
