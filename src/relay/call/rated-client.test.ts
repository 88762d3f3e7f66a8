import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { seededRandom } from "../../base/random.ts"
import { TimerWheel } from "../../base/timer-wheel.ts"
import type { MessageLimit } from "../../config/model.ts"
import { MessageScanner } from "../../grpc/message-scanner.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { compileMessageRates } from "../route/message-rates.ts"
import type { Zone } from "../route/zone.ts"
import { ZoneTable, zoneOctets } from "../route/zone-table.ts"
import { RatedClient, type RatedRequestCall } from "./rated-client.ts"
import type { DownstreamStream } from "./stream-owner.ts"

const NONE = { messages: [], octets: [] }

const limit = (
  counts: MessageLimit["counts"],
  rate: number,
  burst = 0,
  zone: string | null = null,
): MessageLimit => ({
  from: "client",
  counts,
  rate,
  burst,
  zone,
})

const message = (text: string): Buffer => {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(text.length, 1)
  return Buffer.concat([prefix, Buffer.from(text)])
}

/** A client with limits on a clock that stands still, and what its call was told, as `ms: octets`. */
function bedOf(
  limits: MessageLimit[],
  {
    isGrpc = true,
    clock = new ManualClock(0),
    zone = null as Zone | null,
    scanner = null as MessageScanner | null,
  } = {},
) {
  const heard: string[] = []
  const stream = {
    remoteEnded: false,
    credit: 0,
    consume: (octets: number) => void (stream.credit += octets),
  }
  const counted = new Map<number, number>()
  const budget = new BufferBudget({ bufferedOctetsMax: 2 ** 30, bufferedWithholdPercent: 50 } as never)
  const env = { clock } as unknown as TemplateEnvironment
  const call: RatedRequestCall = {
    isGrpc,
    context: {
      deadlines: new TimerWheel(clock),
      budget,
      counters: { add: (id: number) => counted.set(id, (counted.get(id) ?? 0) + 1) } as never,
      env,
    },
    onRequestData: (octets, start, end, endStream) => {
      expect(client.receive(octets, start, end, endStream)).toBe(false)
      heard.push(`${clock.now()}: ${octets.toString("latin1", start, end)}${endStream ? "." : ""}`)
    },
    onRequestTrailers: (list) => {
      expect(client.receiveTrailers(list)).toBe(false)
      heard.push(`${clock.now()}: ${list.fields.join("=")}`)
    },
  }
  const rates = compileMessageRates(limits, () => zone!)!.open("client", {} as StreamRecord, env)
  const client = new RatedClient(stream as unknown as DownstreamStream, call, rates ?? NONE, scanner)
  const send = (octets: Buffer, endStream = false): void => {
    stream.remoteEnded ||= endStream
    client.receive(octets, 0, octets.length, endStream)
  }
  const plain = () => heard.map((line) => line.replaceAll(/\0[\0-\x08]{4}/g, ""))
  return { client, clock, send, stream, heard, plain, counted }
}

const burstOf = (...texts: string[]): Buffer => Buffer.concat(texts.map(message))

describe("messages", () => {
  test("within the rate pass as they come, in one piece", () => {
    const { send, plain, counted } = bedOf([limit("messages", 10, 2)])
    send(burstOf("a", "b", "c"))
    expect(plain()).toEqual(["0: abc"])
    expect(counted.size).toBe(0)
  })

  test("that come faster wait, in order, and the end waits with them", () => {
    const { clock, send, plain, client, counted } = bedOf([limit("messages", 10, 1)])
    send(burstOf("a", "b", "c"))
    send(burstOf("d"), true)
    expect(plain()).toEqual(["0: ab"])
    expect(client.heldOctets).toBeGreaterThan(0)
    expect(client.remoteEnded).toBe(false)
    clock.advance(1000)
    expect(plain().map((line) => line.split(": ")[1])).toEqual(["ab", "c", "d."])
    const [, c, d] = plain().map((line) => Number.parseInt(line, 10))
    expect([c! >= 100 && c! < 120, d! >= 200 && d! < 230]).toEqual([true, true])
    expect([client.remoteEnded, client.heldOctets, counted.size]).toEqual([true, 0, 1])
  })

  test("that began before the route was known are told apart all the same", () => {
    const whole = burstOf("abcdef", "g", "h", "i")
    for (let seen = 0; seen <= 11; seen++) {
      const scanner = new MessageScanner()
      scanner.scan(whole, 0, seen)
      const { send, heard, client } = bedOf([limit("messages", 10, 1)], { scanner })
      send(whole.subarray(seen))
      const passed = heard.join("").replace("0: ", "").length + seen
      // One that had begun passes without a place, and two with; of whole ones two in all.
      const places = seen === 0 || seen === 11 ? 2 : 3
      expect([seen, passed]).toEqual([seen, 11 + 6 * (places - (seen === 11 ? 0 : 1))])
      expect(client.isWithheld).toBe(true)
    }
  })

  test("are told apart wherever their octets are cut", () => {
    const random = seededRandom(7)
    for (let round = 0; round < 50; round++) {
      const { clock, send, heard } = bedOf([limit("messages", 1000, 0), limit("octets", 5000, 3)])
      const whole = burstOf("", "a", "bb".repeat(400), "", "c".repeat(70), "d")
      for (let at = 0; at < whole.length; ) {
        const next = Math.min(whole.length, at + 1 + Math.floor(random() * 9))
        send(whole.subarray(at, next), next === whole.length)
        at = next
        clock.advance(Math.floor(random() * 3))
      }
      clock.advance(60_000)
      const octets = heard.map((line) => line.slice(line.indexOf(": ") + 2)).join("")
      expect(octets).toBe(`${whole.toString("latin1")}.`)
    }
  })

  test("that never end a prefix still end their stream", () => {
    const { send, heard, client } = bedOf([limit("messages", 1)])
    send(Buffer.from([0, 0]), true)
    expect(heard).toEqual(["0: \0\0."])
    expect(client.remoteEnded).toBe(true)
  })

  test("of one key count together, over threads and streams", () => {
    const clock = new ManualClock(0)
    const memory = new SharedArrayBuffer(zoneOctets(65_536, 2))
    const zones = [0, 1].map(
      (thread): Zone => ({
        name: "z",
        key: { render: () => "k" } as never,
        rate: 0,
        table: new ZoneTable(memory, thread, 2, () => 0.4),
      }),
    )
    const [one, other] = zones.map((zone) => bedOf([limit("messages", 2, 0, "z")], { clock, zone }))
    one!.send(burstOf("a"))
    other!.send(burstOf("b"))
    expect([one!.plain(), other!.plain()]).toEqual([["0: a"], []])
    clock.advance(480)
    expect(other!.plain()).toEqual([])
    clock.advance(60)
    expect(other!.plain()).toHaveLength(1)
  })

  test("of a key that is empty are not counted", () => {
    const zone = { name: "z", key: { render: () => "" }, rate: 0, table: null } as unknown as Zone
    const { send, plain } = bedOf([limit("messages", 1, 0, "z")], { zone })
    send(burstOf("a", "b", "c"))
    expect(plain()).toEqual(["0: abc"])
  })
})

describe("octets", () => {
  test("go on as soon as what passed is paid", () => {
    const { clock, send, heard } = bedOf([limit("octets", 100)], { isGrpc: false })
    send(Buffer.from("x".repeat(50)))
    send(Buffer.from("y"), true)
    expect(heard).toEqual([`0: ${"x".repeat(50)}`])
    clock.advance(480)
    expect(heard).toHaveLength(1)
    clock.advance(60)
    expect(heard[1]).toMatch(/^5\d\d: y\.$/)
  })
})

test("trailers wait behind messages", () => {
  const { clock, send, plain, client, stream } = bedOf([limit("messages", 10)])
  send(burstOf("a", "b"))
  stream.remoteEnded = true
  expect(client.receiveTrailers(new HeaderList(["x", "1"]))).toBe(true)
  expect(client.remoteEnded).toBe(false)
  clock.advance(200)
  expect(plain().map((line) => line.split(": ")[1])).toEqual(["a", "b", "x=1"])
  expect(client.remoteEnded).toBe(true)
})

test("a call that is over gives credit for what waited, and hears no more", () => {
  const { clock, send, client, stream, plain } = bedOf([limit("messages", 1)])
  send(burstOf("a", "bcd"))
  client.close()
  expect([stream.credit, client.heldOctets]).toEqual([8, 0])
  clock.advance(10_000)
  expect(plain()).toEqual(["0: a"])
  expect(clock.timersOpen).toBe(0)
})

test("a call that ends as some pass gives credit for the rest, and nothing is held", () => {
  const { send, client, stream, heard, clock } = bedOf([limit("messages", 1)])
  heard.push = () => {
    client.close()
    return 0
  }
  send(burstOf("a", "bcd"))
  expect([stream.credit, client.heldOctets, client.isWithheld]).toEqual([8, 0, false])
  clock.advance(10_000)
  expect(clock.timersOpen).toBe(0)
})

test("a clock that is set back by an hour holds nobody up for longer", () => {
  const clock = new ManualClock(0)
  let wallMs = 10_000_000
  clock.wallMs = () => wallMs
  const { send, plain } = bedOf([limit("messages", 10)], { clock })
  send(burstOf("a", "b"))
  wallMs -= 3_600_000
  for (let i = 0; i < 5; i++) {
    wallMs += 60
    clock.advance(60)
  }
  expect(plain().map((line) => line.split(": ")[1])).toEqual(["a", "b"])
})
