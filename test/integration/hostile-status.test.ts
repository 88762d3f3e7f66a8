/** Revocation lists and OCSP responders that are wrong, late or gone, for clients on real sockets. */
import { X509Certificate } from "node:crypto"
import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"
import * as grpc from "@grpc/grpc-js"
import { BasicOCSPResponse, OCSPResponse } from "@peculiar/asn1-ocsp"
import { AsnConvert, OctetString } from "@peculiar/asn1-schema"
import { describe, expect, type TestContext, test } from "vitest"
import { Certificate, CertificateFiles } from "../support/certificates.ts"
import { endless } from "../support/endless-answer.ts"
import { LogLines } from "../support/log-lines.ts"
import { hasOpenssl, ocspAnswer } from "../support/ocsp.ts"
import { TestBed } from "../support/test-bed.ts"

const { OK, UNAUTHENTICATED } = grpc.status
const root = await Certificate.root("CN=Root")
const foreign = await Certificate.root("CN=Foreign")
/** Of the same name, with another key. */
const namesake = await Certificate.root("CN=Root")
const server = await root.issue({ names: ["chat.test"] })
const client = await root.issue({ subject: "CN=client" })
const beside = await root.issue({ subject: "CN=beside" })

async function start(t: TestContext, tls: object, limits: object = {}) {
  const files = new CertificateFiles(t)
  const logs = new LogLines()
  const own = {
    certificates: [files.pair("server", server)],
    clientCa: files.write("ca.pem", root.pem),
    verifyClient: "on",
  }
  const listeners = [{ address: "127.0.0.1:0", tls: { ...own, ...tls } as never }]
  const bed = await TestBed.start(t, { log: logs.log, config: { listeners, limits } })
  const told = async ({ key, pem }: Certificate = client) => {
    const credentials = grpc.credentials.createSsl(Buffer.from(root.pem), Buffer.from(key), Buffer.from(pem))
    const asking = bed.client({ "grpc.ssl_target_name_override": "chat.test" }, credentials)
    const { code, details } = await asking.unary(Buffer.from("x"))
    return [code, details]
  }
  return { bed, told, logs, files }
}

const REFUSED = "the client certificate is not accepted: "
const serialOf = ({ pem }: Certificate): string => new X509Certificate(pem).serialNumber
const others = Array.from({ length: 1000 }, (_, index) => (0x1000 + index).toString(16))
describe("a client is refused where the list", () => {
  test.for<[what: string, list: () => Promise<string>, why: string]>([
    ["is out of date", () => root.revocationListOf([], -3, -1), "CRL has expired"],
    ["is of days to come", () => root.revocationListOf([], 1, 2), "CRL is not yet valid"],
    ["is of another authority", () => foreign.revocationList(), "unable to get certificate CRL"],
    ["is of one of the same name", () => namesake.revocationList(), "CRL signature failure"],
    ["names it", () => root.revocationList(client), "certificate revoked"],
    [
      "names it beside a thousand others",
      () => root.revocationListOf([...others, serialOf(client)]),
      "certificate revoked",
    ],
  ])("%s", async ([, list, why], t) => {
    const files = new CertificateFiles(t)
    const { told } = await start(t, { clientCrl: files.write("crl.pem", await list()) })
    expect(await told()).toEqual([UNAUTHENTICATED, REFUSED + why])
  })
})

type Answer = (socket: Socket, good: (certificate: Certificate) => Buffer) => void
const whole = (der: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${der.length}\r\n\r\n`), der])
/** Its signature is zeros, as long as it was. */
function unsigned(der: Buffer): Buffer {
  const response = AsnConvert.parse(der, OCSPResponse)
  const basic = AsnConvert.parse(response.responseBytes!.response.buffer, BasicOCSPResponse)
  basic.signature = new ArrayBuffer(basic.signature.byteLength)
  response.responseBytes!.response = new OctetString(AsnConvert.serialize(basic))
  return Buffer.from(AsnConvert.serialize(response))
}
const CHUNKED = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
const USELESS: Record<string, Answer> = {
  "says nothing": () => {},
  "hangs up": (socket) => void socket.destroy(),
  "answers octet by octet, without end": endless(CHUNKED, "1\r\n0\r\n"),
  "answers without end": endless(CHUNKED, `10000\r\n${"0".repeat(65_536)}\r\n`),
  "sends a head without end": endless("HTTP/1.1 200 OK\r\n", "x: y\r\n"),
  "breaks off": (socket, good) =>
    void socket.write(whole(good(client)).subarray(0, -1), () => socket.destroy()),
  "switches protocols": (socket) =>
    void socket.write("HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
  "redirects to itself": (socket) =>
    void socket.end("HTTP/1.1 302 X\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"),
  "answers of another certificate": (socket, good) => void socket.end(whole(good(beside))),
  "answers twice": (socket, good) => void socket.end(whole(Buffer.concat([good(client), good(client)]))),
  "answers without a signature": (socket, good) => void socket.end(whole(unsigned(good(client)))),
  "answers without an answer": (socket) => void socket.end(whole(Buffer.from("30030a0100", "hex"))),
  "says to try later": (socket) => void socket.end(whole(Buffer.from("30030a0103", "hex"))),
}

describe.skipIf(!hasOpenssl)("a client is refused, and others are not, where its responder", () => {
  test.for(Object.entries(USELESS))("%s", async ([, answer], t) => {
    const answers = new Map<Certificate, Buffer>()
    const good = (certificate: Certificate): Buffer => Buffer.from(answers.get(certificate)!)
    for (const one of [client, beside]) answers.set(one, ocspAnswer(t, { authority: root, certificate: one }))
    const sockets = new Set<Socket>()
    const serial = (request: string): boolean =>
      Buffer.from(decodeURIComponent(request.split(" ")[1]!.slice(1)), "base64").includes(
        Buffer.from(serialOf(beside), "hex"),
      )
    const responder = createServer((socket) => {
      sockets.add(socket)
      socket.on("error", () => {}).on("close", () => sockets.delete(socket))
      socket.once("data", (octets: Buffer) => {
        if (serial(octets.toString("latin1"))) socket.end(whole(good(beside)))
        else answer(socket, good)
      })
    }).listen(0, "127.0.0.1")
    await once(responder, "listening")
    t.onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      responder.close()
    })
    const url = `http://127.0.0.1:${(responder.address() as AddressInfo).port}`
    const { told, bed, logs } = await start(
      t,
      { clientOcsp: { check: "leaf", responder: url } },
      { ocspTimeoutMs: 400 },
    )
    const refused = told()
    expect(await told(beside)).toEqual([OK, "OK"])
    expect(await refused).toEqual([UNAUTHENTICATED, `${REFUSED}certificate status request failed`])
    expect(bed.records.filter(({ attempts }) => attempts.length > 0)).toHaveLength(1)
    expect(logs.saying("a client is refused: its certificate could not be asked after by OCSP")).toHaveLength(
      1,
    )
  })
})
