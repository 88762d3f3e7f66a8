import { connect } from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import { gzipSync } from "node:zlib"
import type { Attack, Sight, Stage } from "../attack.ts"

const CALLS = 12
const EVERY_MS = 330
const ANSWER_MS = 5000

/** Octets of a Connect call with a gzipped message. */
function call(json: string): Buffer {
  const body = gzipSync(json)
  const head = [
    "POST /abuse.Attack/Echo HTTP/1.1",
    "Host: abuse.test",
    "Content-Type: application/json",
    "Content-Encoding: gzip",
    "Connection: close",
    `Content-Length: ${body.length}`,
  ]
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body])
}

/** The status line of the answer, or what it is in its place; empty when there is none. */
async function ask({ at }: Stage, octets: Buffer): Promise<string> {
  const socket = connect(at)
  let answer = ""
  return await new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      socket.destroy()
      const isHttp1 = answer === "" || answer.startsWith("HTTP/1")
      resolve(isHttp1 ? answer.split("\r\n", 1)[0]! : "HTTP/2 frames")
    }
    const timer = setTimeout(done, ANSWER_MS)
    socket.on("data", (chunk: Buffer) => (answer = (answer + chunk.toString("latin1")).slice(0, 1000)))
    socket.on("error", () => {})
    socket.on("close", done)
    socket.write(octets)
  })
}

/** 12 KiB in a second, for some seconds. */
async function drip(stage: Stage, octets: Buffer): Promise<Sight> {
  const startMs = performance.now()
  const answers: Promise<string>[] = []
  for (let i = 0; i < CALLS; i++) {
    answers.push(ask(stage, octets))
    await pause(EVERY_MS)
  }
  const said = await Promise.all(answers)
  const accepted = said.filter((line) => / 200 /.test(line)).length
  return {
    end: accepted === 0 ? "refused" : "open",
    code: "",
    frames: CALLS,
    octets: CALLS * octets.length,
    ms: Math.round(performance.now() - startMs),
    note: [...new Set(said)].map((line) => line.slice(0, 40)).join("; "),
    wrong: accepted > 0 ? [`${accepted} accepted`] : [],
  }
}

const MILLION = 1_390_000

export const jsonBombs: Attack[] = (
  [
    {
      name: "json-bomb",
      how: "Connect calls of 4 KiB, gzipped, that say 1.39 million messages",
      json: `{"kids":[${"{},".repeat(MILLION)}{}]}`,
      counters: ["message_values_exceeded"],
    },
    {
      name: "json-nest",
      how: "Connect calls, gzipped, of messages within messages, half a million deep",
      json: `{"kids":[`.repeat(400_000),
      counters: ["message_too_deep"],
    },
  ] as const
).map(({ name, how, json, counters }): Attack => {
  const octets = call(json)
  return {
    name,
    source: "CWE-409, CWE-674",
    how,
    side: "downstream",
    pace: "flood",
    unread: false,
    counters: [...counters],
    // What was decompressed waits for the collector of garbage.
    bar: { held: "each refused, within 32 MiB", end: "must", growthMiBMax: 32 },
    run: (stage) => drip(stage, octets),
  }
})
