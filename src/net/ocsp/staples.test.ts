import { X509Certificate } from "node:crypto"
import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { connect } from "node:tls"
import { BasicOCSPResponse, OCSPResponse } from "@peculiar/asn1-ocsp"
import { AsnConvert, OctetString } from "@peculiar/asn1-schema"
import { Certificate as Asn1Certificate } from "@peculiar/asn1-x509"
import { describe, expect, type TestContext, test } from "vitest"
import { Certificate, CertificateFiles } from "../../../test/support/certificates.ts"
import { eventually } from "../../../test/support/eventually.ts"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import {
  type Answering,
  hasOpenssl,
  ocspAnswer,
  ocspResponder as responder,
} from "../../../test/support/ocsp.ts"
import { checkStaple, ocspRequest } from "../../access/ocsp/ocsp-message.ts"
import type { StaplingConfig } from "../../config/model.ts"
import type { Log } from "../../log/logger.ts"
import { TlsFileWatch } from "../tls-file-watch.ts"
import { TlsListener } from "../tls-listener.ts"

const DAY_MS = 86_400_000
const root = await Certificate.root("CN=Root")
const leaf = await root.issue({ names: ["chat.test"] })
const other = await root.issue({ names: ["other.test"] })
const delegate = await root.issue({ subject: "CN=Signer", signsOcsp: true })
const impostor = await root.issue({ subject: "CN=Impostor" })
const foreign = await Certificate.root("CN=Foreign")

const issued = { leaf: new X509Certificate(leaf.pem), issuer: new X509Certificate(root.pem) }

const answer = (t: TestContext, answering: Partial<Answering> = {}): Buffer =>
  ocspAnswer(t, { authority: root, certificate: leaf, of: leaf, ...answering })

/** The answer as someone on the way would change it, whose signature does not cover that. */
function bent(der: Buffer, change: (basic: BasicOCSPResponse) => void): Buffer {
  const response = AsnConvert.parse(der, OCSPResponse)
  const basic = AsnConvert.parse(response.responseBytes!.response.buffer, BasicOCSPResponse)
  change(basic)
  response.responseBytes!.response = new OctetString(AsnConvert.serialize(basic))
  return Buffer.from(AsnConvert.serialize(response))
}

describe.skipIf(!hasOpenssl)("an answer of OCSP", () => {
  test("to our own question is taken", (t) => {
    const der = answer(t, { request: ocspRequest(issued) })
    const { thisUpdateMs, nextUpdateMs } = checkStaple(der, issued, Date.now())
    expect(nextUpdateMs! - thisUpdateMs).toBe(2 * DAY_MS)
  })

  test("signed by whom the issuer has authorized is taken", (t) => {
    expect(checkStaple(answer(t, { by: delegate }), issued, Date.now()).nextUpdateMs).not.toBeNull()
  })

  test.for<[what: string, answering: Partial<Answering>, days: number, problem: string]>([
    ["says that it is revoked", { status: "R" }, 0, "the certificate is revoked"],
    ["is of another certificate", { of: other }, 0, "the answer is not of this certificate"],
    ["is signed by another of the issuer's", { by: impostor }, 0, "the answer is not signed by the issuer"],
    ["is signed by a stranger", { by: foreign }, 0, "the answer is not signed by the issuer"],
    ["is out of date", {}, 3, "the answer is out of date"],
    ["is of the future", {}, -1, "the answer is of the future"],
  ])("that %s is not", ([, answering, days, problem], t) => {
    expect(() => checkStaple(answer(t, answering), issued, Date.now() + days * DAY_MS)).toThrow(problem)
  })

  test("with anything behind it is not: clients would be shown that too", (t) => {
    const der = Buffer.concat([answer(t), Buffer.from([5, 0])])
    expect(() => checkStaple(der, issued, Date.now())).toThrow("not an answer of OCSP, DER")
  })

  test.for([
    [1, null],
    [7, null],
    [8, "the answer is not signed by the issuer"],
    [150, "the answer is not signed by the issuer"],
  ] as const)("signed by one who stands behind %i others is taken, or not (%s)", ([others, problem], t) => {
    const beside = AsnConvert.parse(new X509Certificate(impostor.pem).raw, Asn1Certificate)
    const der = bent(answer(t, { by: delegate }), (basic) => {
      basic.certs = [...Array.from({ length: others }, () => beside), ...basic.certs!]
    })
    const check = () => checkStaple(der, issued, Date.now())
    if (problem === null) expect(check().nextUpdateMs).toBeGreaterThan(Date.now())
    else expect(check).toThrow(problem)
  })

  test("of a hundred others' certificates takes no more work for ours than one", (t) => {
    const counted = (copies: number): number => {
      const der = bent(answer(t, { of: other }), ({ tbsResponseData }) => {
        tbsResponseData.responses = Array.from({ length: copies }, () => tbsResponseData.responses[0]!)
      })
      let looks = 0
      const counting = {
        leaf: issued.leaf,
        get issuer() {
          looks++
          return issued.issuer
        },
      }
      expect(() => checkStaple(der, counting, Date.now())).toThrow("the answer is not of this certificate")
      return looks
    }
    expect(counted(100)).toBe(counted(1))
  })

  test("of which an octet is another is not, or says the same", (t) => {
    const der = answer(t)
    const whole = checkStaple(der, issued, Date.now())
    const outcomes = Array.from({ length: der.length / 5 }, (_, index) => {
      const changed = Buffer.from(der)
      changed[index * 5]! ^= 1
      try {
        return checkStaple(changed, issued, Date.now())
      } catch {
        return null
      }
    })
    for (const outcome of outcomes) if (outcome !== null) expect(outcome).toEqual(whole)
    // What is left are the chain of a signer that is the issuer itself, and parameters that say nothing.
    expect(outcomes.filter((outcome) => outcome === null).length).toBeGreaterThan(50)
  })

  test.for([
    Buffer.alloc(0),
    Buffer.from("no"),
    Buffer.from([0x30, 3, 0x0a, 1, 6]),
    Buffer.alloc(1000, 0x30),
  ])("that is none is not: %o", (der) =>
    expect(() => checkStaple(der, issued, Date.now())).toThrow(/not an answer of OCSP|the responder says/),
  )
})

/** A listener that staples, and what a client is shown. */
async function listening(
  t: TestContext,
  stapling: StaplingConfig,
  options: { certificate?: Certificate; chain?: string; timeoutMs?: number; rejectOthers?: boolean } = {},
) {
  const { certificate = leaf, timeoutMs = 20_000 } = options
  const chain = options.chain ?? certificate.pem + root.pem
  const files = new CertificateFiles(t)
  const clock = new ManualClock(Date.now())
  const watch = new TlsFileWatch(clock)
  const said: string[] = []
  const limits: string[] = []
  const bugs: unknown[] = []
  const listener = new TlsListener({
    name: "test",
    handshakeTimeoutMs: 10_000,
    clock,
    files: watch,
    log: {
      warn: (_: string, { reason }: { reason: string }) => void said.push(reason),
      info() {},
      error() {},
    } as unknown as Log,
    stapling: {
      timeoutMs,
      octetsMax: 10_000,
      statusesMax: 10,
      todayMs: () => clock.wallMs(),
      messages: () => import("../../access/ocsp/ocsp-message.ts"),
      onLimit: (counter) => void limits.push(counter),
    },
    onSecured: (socket) => void socket.on("error", () => {}),
    onPlain: () => {},
    onFailed: () => {},
    onBug: (error) => void bugs.push(error),
  })
  const config = {
    certificates: [
      {
        names: options.rejectOthers === true ? ["chat.test"] : [],
        certFile: files.write("cert.pem", chain),
        keyFile: files.write("key.pem", certificate.key),
        stapling,
      },
    ],
    ...{
      rejectNames: [],
      rejectOthers: options.rejectOthers ?? false,
      protocols: null,
      ciphers: null,
      clientCaFile: null,
      clientCrlFile: null,
    },
    ...{ verifyClient: "off" as const, verifyDepth: 1, sessionTimeoutMs: 1000, alpnProtocols: null },
  }
  listener.prepare(config)()
  const server = createServer({ pauseOnConnect: true }, (socket) => listener.handshake(socket, false))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => {
    listener.close()
    watch.close()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const shown = async (): Promise<Buffer | null> => {
    const socket = connect({
      port,
      host: "127.0.0.1",
      servername: "chat.test",
      ca: root.pem,
      requestOCSP: true,
    })
    const [response] = (await once(socket, "OCSPResponse")) as [Buffer | null]
    socket.destroy()
    return response
  }
  return { clock, said, limits, shown, port, bugs }
}

const NONE: StaplingConfig = { responseFile: null, responder: null, issuerFile: null }

describe.skipIf(!hasOpenssl)("a client that asks for the status of a certificate", () => {
  test("is shown what a file says, for as long as it holds", async (t) => {
    const der = answer(t)
    const responseFile = new CertificateFiles(t).write("response.der", der)
    const { shown, clock } = await listening(t, { ...NONE, responseFile })
    await eventually(
      async () => (await shown())?.equals(der) === true,
      () => "the answer",
    )
    clock.advance(3 * DAY_MS)
    expect(await shown()).toBeNull()
  })

  test("is shown what the responder says, which is asked again before that is out of date", async (t) => {
    let days = 1
    const { url, asked } = await responder(t, (request) => answer(t, { request, days }))
    const { shown, clock } = await listening(t, { ...NONE, responder: url })
    await eventually(
      async () => (await shown()) !== null,
      () => "the answer",
    )
    const first = (await shown())!
    expect(asked()).toBe(1)
    days = 2
    clock.advance(3_600_000)
    await eventually(
      async () => (await shown())?.equals(first) === false,
      () => "another answer",
    )
    expect(asked()).toBe(2)
  })

  test("is no longer shown that it is good once the responder says that it is not", async (t) => {
    let status: "V" | "R" = "V"
    const { url } = await responder(t, (request) => answer(t, { request, status }))
    const { shown, clock } = await listening(t, { ...NONE, responder: url })
    await eventually(
      async () => (await shown()) !== null,
      () => "the answer",
    )
    status = "R"
    clock.advance(3_600_000)
    await eventually(
      async () => (await shown()) === null,
      () => "nothing",
    )
  })

  test("and says no name that is served, is refused by an alert at once", async (t) => {
    const responseFile = new CertificateFiles(t).write("response.der", answer(t))
    const { port, shown, bugs } = await listening(t, { ...NONE, responseFile }, { rejectOthers: true })
    const socket = connect({ port, host: "127.0.0.1", ca: root.pem, requestOCSP: true })
    const [error] = (await once(socket, "error")) as [Error]
    expect(error.message).toContain("alert")
    expect(await shown()).not.toBeNull()
    expect(bugs).toEqual([])
  })

  test("is shown what the responder says that the certificate names", async (t) => {
    let certificate: Certificate = leaf
    const { url }: { url: string } = await responder(t, (request) => answer(t, { request, certificate }))
    certificate = await root.issue({ names: ["chat.test"], ocsp: url })
    const { shown } = await listening(t, NONE, { certificate })
    await eventually(
      async () => (await shown()) !== null,
      () => "the answer",
    )
  })

  test.for<
    [what: string, respond: (t: TestContext) => (request: Buffer) => Buffer | "hang" | number, reason: RegExp]
  >([
    ["hangs", () => () => "hang", /no whole answer came within 300 ms/],
    ["answers 500", () => () => 500, /it answered 500/],
    ["answers too much", () => () => Buffer.alloc(20_000), /more than 10000 octets/],
    ["answers nonsense", () => () => Buffer.from("nonsense"), /not an answer of OCSP/],
    [
      "says that it is revoked",
      (t) => (request) => answer(t, { request, status: "R" }),
      /the certificate is revoked/,
    ],
  ])(
    "is shown nothing where the responder %s, and its handshake does not wait",
    async ([what, respond, reason], t) => {
      const { url } = await responder(t, respond(t))
      const { shown, said } = await listening(
        t,
        { ...NONE, responder: url },
        what === "hangs" ? { timeoutMs: 300 } : {},
      )
      expect(await shown()).toBeNull()
      await eventually(
        () => said.length > 0,
        () => "a line in the log",
      )
      expect(said[0]).toMatch(reason)
      expect(await shown()).toBeNull()
    },
  )

  test.for<[what: string, stapling: StaplingConfig, chain: string, reason: string]>([
    [
      "no issuer",
      { ...NONE, responder: "http://127.0.0.1:1" },
      leaf.pem,
      "the certificate of its issuer is not there",
    ],
    ["no responder", NONE, leaf.pem + root.pem, "it names no responder of http:"],
  ])("is shown nothing with %s, which is told", async ([, stapling, chain, reason], t) => {
    const { shown, said } = await listening(t, stapling, { chain })
    expect(said).toEqual([reason])
    expect(await shown()).toBeNull()
  })
})
