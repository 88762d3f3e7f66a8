/** HTTP/1.1 backends that do not keep to HTTP/1.1: what Sluice makes of each, and nginx beside it. */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Conduct, exchange } from "../support/http1-wire.ts"
import {
  beds,
  FORGED,
  honest,
  LONG,
  OK,
  PROXIES,
  says,
  saysAndEnds,
  saysForEver,
  startBeds,
  told,
  WITHOUT_END,
} from "../support/misbehaving-http1.ts"

let end: () => Promise<void>
beforeAll(async () => void (end = await startBeds()))
afterAll(() => end())

/** `nginx`: where it is another answer. */
type BackendRow = [name: string, conduct: Conduct, sluice: string, nginx?: string]

const BACKENDS: BackendRow[] = [
  ["says more than its length", says(`${OK}Content-Length: 2\r\n\r\nokmore`), "200 ok"],
  ["answers twice", says(`${OK}Content-Length: 2\r\n\r\nok${FORGED}`), "200 ok"],
  ["answers twice, in two writes", says(`${OK}Content-Length: 2\r\n\r\nok`, FORGED), "200 ok"],
  [
    "answers twice, chunked",
    says(`${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${FORGED}`),
    "200 ok",
  ],
  ["answers 204 with a body", says(`HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\nforged`), "204"],
  [
    "answers 204 with chunks",
    says(`HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nforged\r\n0\r\n\r\n`),
    "204",
  ],
  ["answers 304 with a body", says(`HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\nforged`), "304"],
  ["says less than its length and ends", saysAndEnds(`${OK}Content-Length: 20\r\n\r\nonly`), "200 only…"],
  ["says less than its length and stays", says(`${OK}Content-Length: 20\r\n\r\nonly`), "200 only…", "200…"],
  ["ends within a chunk", saysAndEnds(`${OK}Transfer-Encoding: chunked\r\n\r\n8\r\nonly`), "200 only…"],
  [
    "ends without the last chunk",
    saysAndEnds(`${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n`),
    "200 only…",
  ],
  [
    "ends within trailers",
    saysAndEnds(`${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n0\r\nX-A: `),
    "200 only…",
  ],
  ["says no length and ends", saysAndEnds(`${OK}\r\nall`), "200 all"],
  ["says a length that is no number", says(`${OK}Content-Length: 2x\r\n\r\nok`), "502", "200…"],
  ["says a length with a sign", says(`${OK}Content-Length: +2\r\n\r\nok`), "502", "200…"],
  ["says a negative length", says(`${OK}Content-Length: -2\r\n\r\nok`), "502", "200…"],
  ["says a length beyond 2^63", says(`${OK}Content-Length: 9999999999999999999999\r\n\r\nok`), "502", "200…"],
  ["says a length twice", says(`${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`), "502", "200 ok"],
  ["says two lengths", says(`${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk`), "502", "200 okk"],
  ["says two lengths in one field", says(`${OK}Content-Length: 2, 2\r\n\r\nok`), "502", "200…"],
  ["says an empty length", says(`${OK}Content-Length:\r\n\r\nok`), "502", "200…"],
  [
    "says length and chunks",
    says(`${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
    "502",
    "200 ok",
  ],
  [
    "says chunks and length",
    says(`${OK}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
    "502",
    "200 ok",
  ],
  [
    "says chunked twice",
    says(`${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
    "502",
    "200 ok",
  ],
  ["says an unknown coding", says(`${OK}Transfer-Encoding: zip\r\n\r\nok`), "502", "200…"],
  [
    "says chunked, then an unknown coding",
    says(`${OK}Transfer-Encoding: chunked, zip\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
    "502",
    "200 ok",
  ],
  [
    "says chunked in HTTP/1.0",
    saysAndEnds(`HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
    "200 ok",
  ],
  [
    "says a chunk's size with 0x",
    says(`${OK}Transfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n`),
    "200…",
    "",
  ],
  [
    "says a chunk's size with a sign",
    says(`${OK}Transfer-Encoding: chunked\r\n\r\n+2\r\nok\r\n0\r\n\r\n`),
    "200…",
    "",
  ],
  [
    "says a chunk's size beyond 2^64",
    says(`${OK}Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\nok\r\n0\r\n\r\n`),
    "200…",
    "",
  ],
  [
    "says a chunk longer than its size",
    says(`${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nokmore\r\n0\r\n\r\n`),
    "200 ok…",
    "",
  ],
  [
    "says chunk extensions",
    says(`${OK}Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0;c\r\n\r\n`),
    "200 ok",
  ],
  [
    "says a chunk extension with a bare LF",
    says(`${OK}Transfer-Encoding: chunked\r\n\r\n2;a\nok\r\n0\r\n\r\n`),
    "200…",
    "200 ok",
  ],
  [
    "ends its chunks by bare LF",
    says(`${OK}Transfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n`),
    "200…",
    "200 ok",
  ],
  ["begins by an empty line", says(`\r\n${OK}Content-Length: 2\r\n\r\nok`), "200 ok", ""],
  ["says 200 fields", says(`${OK}${"X-A: a\r\n".repeat(200)}Content-Length: 2\r\n\r\nok`), "200 ok"],
  ["ends its lines by bare LF", says("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), "502", "200 ok"],
  ["ends a line by bare CR", says(`HTTP/1.1 200 OK\rX-A: 1\r\nContent-Length: 2\r\n\r\nok`), "502", ""],
  ["has a bare CR in a value", says(`${OK}X-A: a\rX-B: b\r\nContent-Length: 2\r\n\r\nok`), "502"],
  ["has a NUL in a value", says(`${OK}X-A: a\0b\r\nContent-Length: 2\r\n\r\nok`), "502"],
  ["has a NUL in a name", says(`${OK}X\0A: a\r\nContent-Length: 2\r\n\r\nok`), "502"],
  ["folds a field", says(`${OK}X-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok`), "502"],
  ["folds its length", says(`${OK}Content-Length:\r\n 2\r\n\r\nok`), "502"],
  ["has a space before a colon", says(`${OK}Content-Length : 2\r\n\r\nok`), "502"],
  ["has a tab before its length", says(`${OK}Content-Length:\t2\r\n\r\nok`), "502", "200…"],
  ["has a tab behind its length", says(`${OK}Content-Length: 2\t\r\n\r\nok`), "502", "200…"],
  [
    "has a tab behind its coding",
    says(`${OK}Transfer-Encoding: chunked\t\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
    "502",
    "200 ok",
  ],
  ["has a line without a colon", says(`${OK}nonsense\r\nContent-Length: 2\r\n\r\nok`), "502", "200 ok"],
  ["has a field without a name", says(`${OK}: a\r\nContent-Length: 2\r\n\r\nok`), "502"],
  ["says a status of two digits", says("HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok"), "502", ""],
  ["says a status of four digits", says("HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok"), "502", ""],
  ["says the status 000", says("HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok"), "502", "000 ok"],
  ["says the status 999", says("HTTP/1.1 999 OK\r\nContent-Length: 2\r\n\r\nok"), "999"],
  ["says HTTP/2.0", says("HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), "200 ok"],
  ["says HTTP/1.9", says("HTTP/1.9 200 OK\r\nContent-Length: 2\r\n\r\nok"), "502", "200 ok"],
  ["speaks HTTP/0.9", saysAndEnds("<html>hello</html>\n"), "502", "?<html>hello</html>\n…"],
  [
    "speaks HTTP/2",
    saysAndEnds("\0\0\0\x04\0\0\0\0\0"),
    "502",
    "?\u0000\u0000\u0000\u0004\u0000\u0000\u0000\u0000\u0000…",
  ],
  [
    "speaks TLS",
    saysAndEnds("\x15\x03\x03\0\x02\x02\x0a"),
    "502",
    "?\u0015\u0003\u0003\u0000\u0002\u0002\n…",
  ],
  [
    "switches protocols unasked",
    says("HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nforged"),
    "502",
    "101",
  ],
  ["says a bare 101", says("HTTP/1.1 101 X\r\n\r\nforged"), "502", "101"],
  [
    "says 100, then answers",
    says(`HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`),
    "200 ok",
    "100",
  ],
  [
    "says 103, then answers",
    says(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`),
    "200 ok",
    "103",
  ],
  [
    "says 100 with a body",
    says(`HTTP/1.1 100 Continue\r\nContent-Length: 6\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`),
    "502",
    "100 + ?HTTP/1…",
  ],
  [
    "says 100 a thousand times",
    says("HTTP/1.1 100 Continue\r\n\r\n".repeat(1000), `${OK}Content-Length: 2\r\n\r\nok`),
    "502",
    WITHOUT_END,
  ],
  ["says 103 for ever", saysForEver("", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100)), "502", WITHOUT_END],
  ["says 100 and no more", says("HTTP/1.1 100 Continue\r\n\r\n"), "504", "100"],
  ["says fields for ever", saysForEver(OK, `X-A: ${LONG}\r\n`.repeat(10)), "502"],
  ["says one field for ever", saysForEver(`${OK}X-A: `, LONG.repeat(10)), "502"],
  [
    "says trailers for ever",
    saysForEver(`${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n`, `X-A: ${LONG}\r\n`.repeat(10)),
    "200 ok…",
    WITHOUT_END,
  ],
  [
    "says a chunk extension for ever",
    saysForEver(`${OK}Transfer-Encoding: chunked\r\n\r\n2;`, LONG.repeat(10)),
    "200…",
    WITHOUT_END,
  ],
  [
    "says digits of a chunk's size for ever",
    saysForEver(`${OK}Transfer-Encoding: chunked\r\n\r\n`, "0".repeat(1000)),
    "200…",
    WITHOUT_END,
  ],
  ["says empty lines for ever", saysForEver("", "\r\n".repeat(1000)), "502", WITHOUT_END],
  ["says a reason for ever", saysForEver("HTTP/1.1 200 ", LONG.repeat(10)), "502"],
  ["says nothing", () => {}, "504"],
  ["says half a head", says(`${OK}X-A:`), "504"],
  ["ends without a word", (socket) => void socket.end(), "502"],
  ["splits its response by a field", says(`${OK}X-A: a\r\nContent-Length: 0\r\n\r\n${FORGED}`), "200"],
  [
    "has fields of the connection",
    says(`${OK}Connection: x-a, content-length\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok`),
    "200 ok",
  ],
  [
    "asks for keep-alive and ends",
    saysAndEnds(`${OK}Connection: keep-alive\r\nContent-Length: 2\r\n\r\nok`),
    "200 ok",
  ],
]

describe.for(PROXIES)("with %s, a backend that", (proxy) => {
  test.for(BACKENDS)("%s", async ([, conduct, sluice, nginx = sluice], { skip }) => {
    if (proxy === "nginx" && nginx === WITHOUT_END) return skip("nginx does not stop")
    const bed = beds[proxy]!
    bed.backend.conducts.set("/wrong", conduct)
    const [text] = await Promise.all([
      exchange(bed.socketPath, ["GET /wrong HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"]),
      honest(bed, 4),
    ])
    await honest(bed, 4)
    expect(told(text)).toBe(proxy === "sluice" ? sluice : nginx)
  })
})
