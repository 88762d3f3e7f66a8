import { connect } from "node:net"
import type { Attack, Sight, Stage } from "../attack.ts"

const ANSWER_MS = 1000

/** Sends an HTTP/1.1 head as it stands and returns what comes back, up to the close or a second. */
async function exchange(stage: Stage, text: string): Promise<string> {
  const socket = connect(stage.at)
  let answer = ""
  return await new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    }
    const timer = setTimeout(done, ANSWER_MS)
    socket.on("data", (chunk: Buffer) => {
      answer = (answer + chunk.toString("latin1")).slice(0, 10_000)
    })
    socket.on("error", () => {})
    socket.on("close", done)
    socket.write(text, "latin1")
  })
}

const head = (...lines: string[]): string => `${lines.join("\r\n")}\r\n\r\n`

const CL_TE = head(
  "POST /abuse.Attack/Echo HTTP/1.1",
  "Host: abuse.test",
  "Content-Length: 4",
  "Transfer-Encoding: chunked",
)

const wordings: { name: string; text: string; accepted: RegExp }[] = [
  { name: "cl-and-te", text: `${CL_TE}0\r\n\r\n`, accepted: /^HTTP\/1.1 2/ },
  {
    name: "two-lengths",
    text: `${head("POST / HTTP/1.1", "Host: abuse.test", "Content-Length: 4", "Content-Length: 5")}four5`,
    accepted: /^HTTP\/1.1 2/,
  },
  {
    name: "space-before-colon",
    text: `${head("POST / HTTP/1.1", "Host: abuse.test", "Content-Length : 4")}four`,
    accepted: /^HTTP\/1.1 2/,
  },
  { name: "no-host", text: head("GET / HTTP/1.1"), accepted: /^HTTP\/1.1 2/ },
]

async function refuseAll(stage: Stage, cases: typeof wordings): Promise<Sight> {
  const startMs = performance.now()
  const answers = await Promise.all(cases.map((one) => exchange(stage, one.text)))
  const accepted = cases.filter((one, i) => one.accepted.test(answers[i]!))
  const said = answers.map((answer) => {
    if (answer === "") return "closed"
    return answer.startsWith("HTTP/") ? answer.split("\r\n", 1)[0]!.slice(0, 40) : "HTTP/2 frames"
  })
  return {
    end: accepted.length === 0 ? "refused" : "open",
    code: "",
    frames: 0,
    octets: 0,
    ms: Math.round(performance.now() - startMs),
    note: cases.map((one, i) => `${one.name}: ${said[i]}`).join("; "),
    wrong: accepted.map((one) => `${one.name} accepted`),
  }
}

const websocket = (path: string): string =>
  head(
    `GET ${path} HTTP/1.1`,
    "Host: abuse.test",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Origin: https://elsewhere.example",
    "Cookie: session=of-the-victim",
  )

export const http1: Attack[] = [
  {
    name: "http1-smuggling",
    source: "RFC 9112 §6.1, §6.3, §5.1, §3.2",
    how: "HTTP/1.1 requests whose length two parsers read in two ways",
    side: "downstream",
    pace: "flood",
    unread: false,
    counters: [],
    bar: { held: "each refused", end: "must", callsMax: 0 },
    run: (stage) => refuseAll(stage, wordings),
  },
  {
    name: "cross-site-websocket",
    source: "CWE-1385; RFC 6455 §10.2",
    how: "a WebSocket handshake with a cookie, from a page of another site",
    side: "downstream",
    pace: "flood",
    unread: false,
    counters: ["origin_refused"],
    bar: { held: "no 101 for a foreign Origin", end: "must", callsMax: 0 },
    run: (stage) =>
      refuseAll(
        stage,
        ["/ws", "/abuse.Attack/Echo"].map((path) => ({
          name: path,
          text: websocket(path),
          accepted: /^HTTP\/1.1 101/,
        })),
      ),
  },
]
