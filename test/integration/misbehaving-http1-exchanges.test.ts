/** Exchanges of HTTP/1.1, and switches from it, that go wrong on either side: Sluice, and nginx beside it. */
import { afterAll, beforeAll, describe, test } from "vitest"
import type { Conduct } from "../support/http1-wire.ts"
import {
  beds,
  CHUNKED,
  compare,
  FORGED,
  head,
  LAST,
  OK,
  type Outcome,
  PROXIES,
  post,
  SMUGGLED,
  says,
  saysAndEnds,
  startBeds,
} from "../support/misbehaving-http1.ts"

let end: () => Promise<void>
beforeAll(async () => void (end = await startBeds()))
afterAll(() => end())

const switchesTo =
  (fields: string, then: string): Conduct =>
  (socket) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n${then}`, "latin1")
    socket.end()
  }
const ask = (fields: string, rest = ""): string => `GET /tunnel HTTP/1.1\r\nHost: a\r\n${fields}\r\n${rest}`
const SWITCH = "Upgrade: echo\r\nConnection: Upgrade\r\n"

type ExchangeRow = [name: string, conduct: Conduct, pieces: string[], ...Outcome]

const EXCHANGES: ExchangeRow[] = [
  [
    "HEAD is answered with a body",
    says(`${OK}Content-Length: 6\r\n\r\nforged`),
    ["HEAD /wrong HTTP/1.1\r\nHost: a\r\n\r\n", LAST],
    "200 + 200 /last",
    "GET /last + HEAD /wrong",
  ],
  [
    "HEAD is answered with chunks",
    says(`${OK}${CHUNKED}\r\n6\r\nforged\r\n0\r\n\r\n`),
    ["HEAD /wrong HTTP/1.1\r\nHost: a\r\n\r\n", LAST],
    "200 + 200 /last",
    "GET /last + HEAD /wrong",
  ],
  [
    "an answer comes before the body, which follows",
    says(`${OK}Content-Length: 5\r\n\r\nearly`),
    [post("Content-Length: 10\r\n", "ok", "/wrong"), "01234567", LAST],
    "200 early + 200 /last",
    "GET /last + POST /wrong | ok01234567",
  ],
  [
    "an answer comes before the body, and a request in its place",
    says(`${OK}Content-Length: 5\r\n\r\nearly`),
    [post("Content-Length: 10\r\n", "ok", "/wrong"), LAST],
    "200 early + 400",
    "POST /wrong | okGET /las",
  ],
  [
    "an answer comes before the body, and the end",
    saysAndEnds("HTTP/1.1 413 X\r\nContent-Length: 2\r\n\r\nno"),
    [post("Content-Length: 10\r\n", "ok", "/wrong"), "01234567", LAST],
    "413 + 200 /last",
    "GET /last + POST /wrong | ok01234567",
    ["413 + 200 /last", "GET /last + POST /wrong | ok01234567"],
    // At times nginx asks the next on the connection that ends.
    ["413 + 502", "GET /last + POST /wrong | ok01234567"],
  ],
  [
    "an answer comes before a chunk, and a request in its place",
    says(`${OK}Content-Length: 5\r\n\r\nearly`),
    [post(CHUNKED, "2\r\nok\r\n", "/wrong"), LAST],
    "400",
    "",
  ],
  [
    "the second of three is cut short",
    saysAndEnds(`${OK}Content-Length: 20\r\n\r\nonly`),
    [`${head("")}GET /wrong HTTP/1.1\r\nHost: a\r\n\r\n${LAST}`],
    "200 /g + 200 only…",
    "GET /g + GET /wrong",
  ],
  [
    "the second of three is malformed",
    says("HTTP/1.1 200 OK\nContent-Length : 2\n\nok"),
    [`${head("")}GET /wrong HTTP/1.1\r\nHost: a\r\n\r\n${LAST}`],
    "200 /g + 502 + 200 /last",
    "GET /g + GET /last + GET /wrong",
  ],
  [
    "the second of three is answered twice",
    says(`${OK}Content-Length: 2\r\n\r\nok${FORGED}`),
    [`${head("")}GET /wrong HTTP/1.1\r\nHost: a\r\n\r\n${LAST}`],
    "200 /g + 200 ok + 200 /last",
    "GET /g + GET /last + GET /wrong",
  ],
  [
    "the second of three is never answered",
    () => {},
    [`${head("")}GET /wrong HTTP/1.1\r\nHost: a\r\n\r\n${LAST}`],
    "200 /g + 504 + 200 /last",
    "GET /g + GET /last + GET /wrong",
  ],
  [
    "a switch is asked for and made",
    switchesTo(SWITCH, "hello"),
    [ask(SWITCH)],
    "101 + ?hello…",
    "GET /tunnel",
  ],
  [
    "a switch is asked for among other options",
    switchesTo(SWITCH, "hello"),
    [ask("Upgrade: echo\r\nConnection: keep-alive, Upgrade\r\n")],
    "101 + ?hello…",
    "GET /tunnel",
  ],
  [
    "a switch is asked for without saying so",
    says(`${OK}Content-Length: 2\r\n\r\nok`),
    [ask("Upgrade: echo\r\n"), LAST],
    "200 ok + 200 /last",
    "GET /last + GET /tunnel",
  ],
  [
    "a switch is asked for and refused, and a request follows",
    says(`${OK}Content-Length: 2\r\n\r\nok`),
    [ask(SWITCH, SMUGGLED)],
    "200 ok",
    "GET /tunnel",
    ["200 ok + 200 /smuggled", "GET /smuggled + GET /tunnel"],
  ],
  [
    "a switch is asked for and refused by 426",
    says("HTTP/1.1 426 X\r\nUpgrade: echo\r\nContent-Length: 2\r\n\r\nno"),
    [ask(SWITCH, SMUGGLED)],
    "426",
    "GET /tunnel",
    ["426 + 200 /smuggled", "GET /smuggled + GET /tunnel"],
  ],
  [
    "a switch is asked for and never answered",
    () => {},
    [ask(SWITCH, SMUGGLED)],
    "504",
    "GET /tunnel",
    ["504 + 200 /smuggled", "GET /smuggled + GET /tunnel"],
  ],
  [
    "a switch is asked for and refused with 101's fields",
    says(`${OK}${SWITCH}Content-Length: 2\r\n\r\nok`),
    [ask(SWITCH, SMUGGLED)],
    "200 ok",
    "GET /tunnel",
    ["200 ok + 200 /smuggled", "GET /smuggled + GET /tunnel"],
  ],
  [
    "a switch is made to another protocol",
    switchesTo("Upgrade: other\r\nConnection: Upgrade\r\n", "hello"),
    [ask(SWITCH)],
    "101 + ?hello…",
    "GET /tunnel",
  ],
  [
    "a switch is made to no protocol",
    switchesTo("Connection: Upgrade\r\n", "hello"),
    [ask(SWITCH)],
    "502",
    "GET /tunnel",
    ["101 + ?hello…", "GET /tunnel"],
  ],
  [
    "a switch is made without saying so",
    switchesTo("Upgrade: echo\r\n", "hello"),
    [ask(SWITCH)],
    "502",
    "GET /tunnel",
    ["101 + ?hello…", "GET /tunnel"],
  ],
  [
    "a switch has a length",
    switchesTo(`${SWITCH}Content-Length: 5\r\n`, "hello"),
    [ask(SWITCH)],
    "101 + ?hello…",
    "GET /tunnel",
  ],
  [
    "a switch has chunks",
    switchesTo(`${SWITCH}${CHUNKED}`, "hello"),
    [ask(SWITCH)],
    "101 + ?hello…",
    "GET /tunnel",
  ],
  [
    "a switch is asked for with a body",
    switchesTo(SWITCH, "hello"),
    [ask(`${SWITCH}Content-Length: 2\r\n`, "ok"), LAST],
    "502 + 200 /last",
    "GET /last + GET /tunnel | ok",
    null,
  ],
  [
    "a switch is asked for with chunks",
    switchesTo(SWITCH, "hello"),
    [ask(`${SWITCH}${CHUNKED}`, "2\r\nok\r\n0\r\n\r\n"), LAST],
    "502 + 200 /last",
    "GET /last + GET /tunnel | ok",
    null,
  ],
  [
    "a switch to HTTP/2 is asked for",
    switchesTo("Upgrade: h2c\r\nConnection: Upgrade\r\n", "hello"),
    [
      ask("Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings\r\n"),
      LAST,
    ],
    "502 + 200 /last",
    "GET /last + GET /tunnel",
    null,
  ],
  [
    "a switch is asked for twice",
    switchesTo(SWITCH, "hello"),
    [ask("Upgrade: echo\r\nUpgrade: other\r\nConnection: Upgrade\r\n")],
    "101 + ?hello…",
    "GET /tunnel",
  ],
  [
    "a switch is asked for in HTTP/1.0",
    switchesTo(SWITCH, "hello"),
    [`GET /tunnel HTTP/1.0\r\nHost: a\r\n${SWITCH}\r\n`],
    "502",
    "GET /tunnel",
    ["101 + ?hello…", "GET /tunnel"],
  ],
  [
    "a switch is asked for behind another request",
    switchesTo(SWITCH, "hello"),
    [head("") + ask(SWITCH)],
    "200 /g + 101 + ?hello…",
    "GET /g + GET /tunnel",
  ],
  [
    "a switch is asked for where none is passed on",
    switchesTo(SWITCH, "hello"),
    [`GET /wrong HTTP/1.1\r\nHost: a\r\n${SWITCH}\r\n`, LAST],
    "502",
    "GET /wrong",
    null,
  ],
]

describe.for(PROXIES)("with %s, where", (proxy) => {
  test.for(EXCHANGES)("%s", async ([, conduct, pieces, ...outcome]) => {
    for (const path of ["/wrong", "/tunnel"]) beds[proxy]!.backend.conducts.set(path, conduct)
    await compare(proxy, pieces, outcome)
  })
})
