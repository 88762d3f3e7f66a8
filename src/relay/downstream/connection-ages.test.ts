import { describe, expect, test } from "vitest"
import { connectionRecord } from "../../../test/support/stream-record.ts"
import { defaultListener } from "../../config/defaults.ts"
import type { PacedStream, Pacer, TurnReason } from "../pacing/pacer.ts"
import type { ClientConnection } from "./client-connection.ts"
import { ConnectionAges } from "./connection-ages.ts"

function bedOf(maxConnectionAgeMs: number | null, maxConnectionAgeGraceMs: number | null, random = 0.5) {
  const given: { stream: PacedStream; reason: TurnReason }[] = []
  const pacer = {
    add: (stream: PacedStream, reason: TurnReason) => given.push({ stream, reason }),
  } as unknown as Pacer
  const ages = new ConnectionAges({ pacer, env: { random: () => random } })
  const record = connectionRecord()
  const listener = {
    ...defaultListener({ text: "a:1", host: "a", port: 1, unixPath: null }),
    maxConnectionAgeMs,
    maxConnectionAgeGraceMs,
  }
  let drains = 0
  const stream = {} as PacedStream
  const connection = {
    record,
    streams: [{ paced: stream }, { paced: null }],
    drain: () => drains++,
  } as unknown as ClientConnection
  ages.opened(record, listener, 500)
  const tick = (nowMs: number): [number, number] => {
    ages.tick([connection, { record: connectionRecord() } as ClientConnection], nowMs)
    return [drains, given.length]
  }
  return { ages, record, given, stream, tick }
}

describe("a connection that is as old as it may get", () => {
  test("takes no new streams, and after the grace those that are left have their turn", () => {
    const { given, stream, tick } = bedOf(1000, 300)
    expect([tick(1499), tick(1500), tick(1799), tick(1800)]).toEqual([
      [0, 0],
      [1, 0],
      [1, 0],
      [1, 1],
    ])
    expect(given[0]!.stream).toBe(stream)
    expect(given[0]!.reason).toMatchObject({
      cause: "age",
      isWithdrawn: false,
      what: { kind: "drained", message: "the connection is as old as connections may get here (1000 ms)" },
    })
  })

  test("give or take a fifth", () => {
    expect([bedOf(1000, 0, 0).tick(1299), bedOf(1000, 0, 0).tick(1300)]).toEqual([
      [0, 0],
      [1, 1],
    ])
  })

  test("without a grace its streams go on", () => {
    expect(bedOf(1000, null).tick(1e12)).toEqual([1, 0])
  })

  test("never, where no age is set, and not once it is closed", () => {
    expect(bedOf(null, 0).tick(1e12)).toEqual([0, 0])
    const { ages, record, tick } = bedOf(1000, 0)
    ages.closed(record)
    expect(tick(1e12)).toEqual([0, 0])
  })
})
