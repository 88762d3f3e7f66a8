import { describe, expect, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { ErrorCode } from "../../src/http2/error-code.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import type { RawClient } from "../support/raw-client.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

const within = (timeout: string): dsl.Field[] => dsl.withFields(dsl.request, { "grpc-timeout": timeout })
const quick = dsl.withFields(dsl.request, { ":path": "/test.Echo/Unary" })
const isQuick = ({ fields }: RawStream): boolean =>
  fields.some(([name, value]) => name === ":path" && value === "/test.Echo/Unary")

/** A chat, which the backend has answered, and one client for it and for everything else. `Unary` is answered at once. */
async function chatting(config: Partial<SluiceYaml>, t: Parameters<typeof TestBed.start>[0]) {
  const clock = new ManualClock()
  const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock, config })
  const client = await bed.rawClient()
  const chat = client.open()
  const above = await bed.raw.stream()
  above.connection.send(dsl.headers(above.id, dsl.response))
  await client.head(chat)
  bed.raw.onStream = (stream) => {
    if (isQuick(stream))
      stream.connection.send(
        dsl.headers(stream.id, [...dsl.response, ...dsl.okTrailers], { endStream: true }),
      )
  }
  /** A message of the backend's reaches the chat, and nothing has ended it. */
  const lives = async (): Promise<void> => {
    const before = client.dataOf(chat).length
    above.connection.send(dsl.data(above.id, "still here"))
    await client.until(() => client.dataOf(chat).length > before, "a message of the chat")
    expect(client.about(0).join()).not.toContain("GOAWAY")
  }
  return { bed, client, clock, lives }
}

/** Sends what `blow` says until the connection ends or `many` are through; how many were sent. */
async function until(client: RawClient, many: number, blow: () => void): Promise<number> {
  for (let sent = 1; sent <= many; sent++) {
    blow()
    if (sent % 10 === 0) await Promise.race([client.settled(), client.closed()]).catch(() => {})
    if (client.isClosed) return sent
  }
  return many
}

describe("a client's own deadlines do not cut its chat", () => {
  test.for([
    ["resets each call at its deadline, as gRPC clients do", true],
    ["leaves that to the balancer", false],
  ] as const)("a hundred a second that a slow method misses, of a client that %s", async ([, resets], t) => {
    const { bed, client, clock, lives } = await chatting({}, t)
    const ids: number[] = []
    for (let at = 0; at < 2000; at++) {
      ids.push(client.open(within("50m"), { endStream: true }))
      await client.settled()
      clock.advance(10)
      if (resets && at >= 5) client.send(dsl.rstStream(ids[at - 5]!, ErrorCode.CANCEL))
    }
    await lives()
    const { counters } = bed.balancer
    expect([counters.get("abuse_exhausted"), counters.get("cut_calls_exceeded")]).toEqual([0, 0])
    expect(bed.raw.streams.length).toBe(2001)
  })

  test("nor do calls that it gives up early, as long as as many are answered", async (t) => {
    const { bed, client, lives } = await chatting({}, t)
    for (let at = 0; at < 500; at++) {
      await client.end(client.open(quick, { endStream: true }))
      client.send(dsl.rstStream(client.open()))
    }
    await client.settled()
    await lives()
    expect(bed.balancer.counters.get("abuse_peer_reset")).toBe(0)
  })

  test.for<[what: string, fields: readonly dsl.Field[]]>([
    ["without a deadline", dsl.request],
    ["with one that is far", within("900m")],
    ["with one that is as near as can be", within("1n")],
  ])("but rapid reset ends the connection: %s", async ([, fields], t) => {
    const { bed, client } = await chatting({}, t)
    await until(client, 1000, () => client.send(dsl.rstStream(client.open(fields))))
    await client.closed()
    expect(client.about(0).at(-1)).toContain("GOAWAY")
    expect(client.about(0).at(-1)).toContain("ENHANCE_YOUR_CALM")
    expect(bed.raw.streams.length).toBeLessThan(300)
  })
})

describe("what a client's deadlines may cost a backend", () => {
  const limits = { cutCallsMax: 100, cutCallsPerSecond: 20 }

  test.for<[timeout: string]>([["20m"], ["20000u"], ["1n"]])(
    "%s on call after call: past the limit no backend sees them, and the chat beside goes on",
    async ([timeout], t) => {
      const { bed, client, clock, lives } = await chatting({ limits }, t)
      let last = 0
      for (let round = 0; round < 60; round++) {
        for (let i = 0; i < 25; i++) last = client.open(within(timeout), { endStream: true })
        await client.settled()
        clock.advance(100)
        await client.settled()
      }
      // Six seconds, and the chat.
      expect(bed.raw.streams.length).toBeLessThanOrEqual(1 + 100 + 6 * 20)
      expect(bed.raw.streams.length).toBeGreaterThan(100)
      expect(bed.raw.connections).toHaveLength(1)
      expect(client.about(last)[0]).toContain("grpc-status=8 grpc-message=cutCallsMax: ")
      expect(bed.balancer.counters.get("cut_calls_exceeded")).toBeGreaterThan(1000)
      await lives()
      // Calls that may take their time are served.
      for (const fields of [quick, [...quick, ["grpc-timeout", "5S"] as const]]) {
        const id = client.open(fields, { endStream: true })
        await client.end(id)
        expect(client.about(id)[0]).toContain("grpc-status=0")
      }
    },
  )

  test("a second later some are served again, and each that is answered makes room", async (t) => {
    const { client, clock } = await chatting({ limits }, t)
    const call = (fields: readonly dsl.Field[]): number => client.open(fields, { endStream: true })
    const ids = Array.from({ length: 120 }, () => call(within("20m")))
    await client.settled()
    clock.advance(100)
    await client.end(ids[0]!)
    const hasty = [...quick, ["grpc-timeout", "20m"] as const]
    await client.end(call(hasty))
    expect(client.about(ids.at(-1)!)[0]).toContain("grpc-status=8")
    clock.advance(1000)
    for (let i = 0; i < 50; i++) {
      const id = call(hasty)
      await client.end(id)
      expect(client.about(id)[0]).toContain("grpc-status=0")
    }
  })

  test("connections to the backend are not used up: those that have been sent many resets are few", async (t) => {
    const { bed, client, clock, lives } = await chatting({}, t)
    for (let round = 0; round < 50; round++) {
      for (let i = 0; i < 100; i++) client.open(within("20m"), { endStream: true })
      await client.settled()
      clock.advance(100)
      await client.settled()
    }
    expect(bed.raw.streams.length).toBeLessThanOrEqual(1 + 1000 + 5 * 250)
    expect(bed.raw.connections.length).toBeLessThanOrEqual(7)
    await lives()
  })

  test("a reset that Sluice makes for a request that is too large is the client's", async (t) => {
    const { bed, client } = await chatting({ routes: [{ cluster: "test", maxBodySize: 10 }] }, t)
    let begun = 1
    const blow = async (): Promise<void> => {
      const id = client.open()
      await bed.raw.stream(begun++)
      client.send(dsl.data(id, "more than ten octets"))
      await Promise.race([client.end(id), client.closed()])
    }
    while (!client.isClosed && begun < 400) await blow().catch(() => {})
    expect(client.about(0).at(-1)).toContain("ENHANCE_YOUR_CALM")
    expect(bed.raw.streams.length).toBeLessThan(300)
  })
})

describe("a backend that cancels a call", () => {
  test.for<[what: string, afterMs: number, told: string]>([
    [
      "at the call's deadline: that has passed",
      50,
      "grpc-status=4 grpc-message=the deadline of 50 ms passed",
    ],
    ["before: its reset is passed on", 10, "RST_STREAM 3 CANCEL"],
  ])("%s", async ([, afterMs, told], t) => {
    const { bed, client, clock } = await chatting({}, t)
    const id = client.open(within("50m"), { endStream: true })
    const { connection, id: above } = await bed.raw.stream(1)
    clock.advance(afterMs)
    connection.send(dsl.rstStream(above, ErrorCode.CANCEL))
    await client.end(id)
    expect(client.about(id)[0]).toContain(told)
  })
})
