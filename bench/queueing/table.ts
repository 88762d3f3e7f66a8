import { number, percent, rate, time } from "../report/format.ts"
import type { Table } from "../report/table.ts"
import { simulateThreads } from "./threads.ts"

const THREADS = [1, 2, 4, 8, 16]
const LOADS = [0.5, 0.8]
const CONNECTIONS = 1_000
const MESSAGES = 400_000
const HEAD = [
  "threads",
  "load",
  "messages/s",
  "wait p50",
  "wait p99",
  "p99, dealt at random",
  "its busiest thread",
]

/** Waits for places on 1 to 16 data threads, from the CPU that a message was measured to cost. */
export function queueingTable(serviceUs: number): Table {
  const common = { connections: CONNECTIONS, serviceUs, messages: MESSAGES, seed: 1 }
  const rows = THREADS.flatMap((threads) =>
    LOADS.map((load) => {
      const inTurn = simulateThreads({ ...common, threads, load, dealt: "in turn" })
      const atRandom = simulateThreads({ ...common, threads, load, dealt: "at random" })
      return [
        String(threads),
        percent(load),
        rate(inTurn.rate),
        time(inTurn.p50),
        time(inTurn.p99),
        atRandom.busiest < 1 ? time(atRandom.p99) : "grows without end",
        percent(atRandom.busiest),
      ]
    }),
  )
  return [HEAD, ...rows]
}

/** What the table is of, for the words above it. */
export function queueingWords(serviceUs: number): string {
  return `${CONNECTIONS} connections that carry alike much, ${number(serviceUs)} µs of CPU per message`
}
