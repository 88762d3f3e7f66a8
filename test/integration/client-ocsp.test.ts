/** `ssl_ocsp`: clients whose authority says that their certificate was revoked, or says nothing, do not get in. */
import * as grpc from "@grpc/grpc-js"
import { describe, expect, type TestContext, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { Certificate, CertificateFiles } from "../support/certificates.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { LogLines } from "../support/log-lines.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { hasOpenssl, ocspAnswer, ocspResponder } from "../support/ocsp.ts"
import { RawConnection } from "../support/raw-connection.ts"
import { TestBed } from "../support/test-bed.ts"
import { shakeHands } from "../support/tls-client.ts"

type ListenerTls =
  NonNullable<Exclude<SluiceYaml["listeners"], string | number | undefined>> extends infer All
    ? All extends readonly (infer One)[]
      ? NonNullable<Extract<One, { tls?: unknown }>["tls"]>
      : never
    : never

const { OK, UNAUTHENTICATED } = grpc.status
const root = await Certificate.root("CN=Root")
const server = await root.issue({ names: ["chat.test"] })
const client = await root.issue({ subject: "CN=client" })
const REFUSED = "the client certificate is not accepted: "

async function start(
  t: TestContext,
  clientOcsp: ListenerTls["clientOcsp"],
  {
    limits = {},
    ca = root.pem,
    clock,
    ...tls
  }: Partial<ListenerTls> & Pick<SluiceYaml, "limits"> & { ca?: string; clock?: ManualClock } = {},
) {
  const files = new CertificateFiles(t)
  const logs = new LogLines()
  const certificates = [files.pair("server", server)]
  const own = { certificates, clientCa: files.write("ca.pem", ca), verifyClient: "on" as const, ...tls }
  const listeners = [{ address: "127.0.0.1:0", tls: { ...own, clientOcsp } }]
  const bed = await TestBed.start(t, {
    log: logs.log,
    ...(clock !== undefined && { clock }),
    config: { listeners, limits },
  })
  const told = async ({ key, pem }: Certificate = client) => {
    const credentials = grpc.credentials.createSsl(Buffer.from(root.pem), Buffer.from(key), Buffer.from(pem))
    const asking = bed.client({ "grpc.ssl_target_name_override": "chat.test" }, credentials)
    const { code, details } = await asking.unary(Buffer.from("x"))
    return [code, details]
  }
  return { bed, told, logs }
}

describe.skipIf(!hasOpenssl)("a client", () => {
  test("that is good gets in, and its authority is asked once", async (t) => {
    const { url, asked } = await ocspResponder(t, (request) =>
      ocspAnswer(t, { authority: root, certificate: client, request }),
    )
    const { told, bed } = await start(t, { check: "chain", responder: url })
    expect([await told(), await told(), asked()]).toEqual([[OK, "OK"], [OK, "OK"], 1])
    expect(bed.records.map(({ connection }) => connection.tls!.clientVerify)).toEqual(["SUCCESS", "SUCCESS"])
  })

  test("is asked after again when the clock was set back behind the last answer, or past its time", async (t) => {
    let skewMs = 0
    const clock = new (class extends ManualClock {
      override wallMs(): number {
        return Date.now() + skewMs
      }
    })()
    const { url, asked } = await ocspResponder(t, (request) =>
      ocspAnswer(t, { authority: root, certificate: client, request }),
    )
    const { told } = await start(t, { check: "leaf", responder: url }, { clock })
    const counts: number[] = []
    for (const skew of [0, 60_000, 0, -60_000, 0, 3_700_000]) {
      skewMs = skew
      expect(await told()).toEqual([OK, "OK"])
      counts.push(asked())
    }
    expect(counts).toEqual([1, 1, 1, 2, 2, 3])
  })

  test("that is revoked does not, and no backend hears of it", async (t) => {
    const { url, asked } = await ocspResponder(t, (request) =>
      ocspAnswer(t, { authority: root, certificate: client, request, status: "R" }),
    )
    const { told, bed } = await start(t, { check: "leaf", responder: url })
    const revoked = [UNAUTHENTICATED, `${REFUSED}certificate revoked`]
    expect([await told(), await told(), asked()]).toEqual([revoked, revoked, 1])
    expect(bed.records.every(({ attempts }) => attempts.length === 0)).toBe(true)
    expect(bed.records[0]!.connection.tls!.clientVerify).toBe("FAILED:certificate revoked")
  })

  test.for<[what: string, respond: (t: TestContext, request: Buffer) => Buffer | "hang" | number]>([
    ["fails", () => 500],
    ["hangs", () => "hang"],
    ["sends nonsense", () => Buffer.from("no")],
    ["sends without end", () => Buffer.alloc(200_000)],
    ["says nothing of it", (t, request) => ocspAnswer(t, { authority: root, certificate: server, request })],
    [
      "is another's",
      (t, request) => ocspAnswer(t, { authority: root, certificate: client, request, by: server }),
    ],
  ])("whose responder %s does not get in", async ([what, respond], t) => {
    const { url } = await ocspResponder(t, (request) => respond(t, request))
    const { told, logs } = await start(
      t,
      { check: "leaf", responder: url },
      { limits: { ocspTimeoutMs: what === "hangs" ? 100 : 5_000, ocspOctetsMax: 65_536 } },
    )
    expect(await told()).toEqual([UNAUTHENTICATED, `${REFUSED}certificate status request failed`])
    expect(logs.saying("a client is refused: its certificate could not be asked after by OCSP")).toHaveLength(
      1,
    )
  })

  test("whose certificate names no responder does not get in, and one that names one is asked there", async (t) => {
    const { url, asked } = await ocspResponder(t, (request) =>
      ocspAnswer(t, { authority: root, certificate: naming, request }),
    )
    const naming = await root.issue({ subject: "CN=naming", ocsp: url })
    const { told } = await start(t, { check: "leaf" })
    expect(await told()).toEqual([UNAUTHENTICATED, `${REFUSED}certificate status request failed`])
    expect([await told(naming), asked()]).toEqual([[OK, "OK"], 1])
  })

  test("of an authority that was revoked does not get in, where the chain is asked after", async (t) => {
    let first: Buffer | null = null
    const { url } = await ocspResponder(t, (request) => {
      first ??= request
      const isOwn = request.equals(first)
      return ocspAnswer(t, {
        request,
        ...(isOwn
          ? { authority: inner, certificate: own }
          : { authority: root, certificate: inner, status: "R" }),
      })
    })
    const inner = await root.issue({ subject: "CN=inner", isAuthority: true })
    const own = await inner.issue({ subject: "CN=own" })
    const ca = root.pem + inner.pem
    const leaf = await start(t, { check: "leaf", responder: url }, { ca, verifyDepth: 2 })
    expect(await leaf.told(own)).toEqual([OK, "OK"])
    const chain = await start(t, { check: "chain", responder: url }, { ca, verifyDepth: 2 })
    expect(await chain.told(own)).toEqual([UNAUTHENTICATED, `${REFUSED}certificate revoked`])
  })

  test("that shows none where none must be shown is not asked after", async (t) => {
    const { url, asked } = await ocspResponder(t, () => 500)
    const { bed } = await start(t, { check: "leaf", responder: url }, { verifyClient: "optional" })
    const credentials = grpc.credentials.createSsl(Buffer.from(root.pem))
    const asking = bed.client({ "grpc.ssl_target_name_override": "chat.test" }, credentials)
    expect([(await asking.unary(Buffer.from("x"))).code, asked()]).toEqual([OK, 0])
  })

  test("may send before its authority has answered: nothing is lost, and order is kept", async (t) => {
    let isSent: () => void = () => {}
    const sent = new Promise<void>((resolve) => (isSent = resolve))
    const { url, asked } = await ocspResponder(
      t,
      (request) => ocspAnswer(t, { authority: root, certificate: client, request }),
      sent,
    )
    const { bed } = await start(t, { check: "leaf", responder: url })
    const socket = await shakeHands(bed.port, { ALPNProtocols: ["h2"], cert: client.pem, key: client.key })
    const connection = new RawConnection(socket, "client")
    for (let id = 1; id < 40; id += 2)
      connection.send(dsl.headers(id, dsl.request), dsl.data(id, Buffer.alloc(1000)))
    await eventually(
      () => socket.writableLength === 0 && asked() === 1,
      () => "sent, and asked after",
    )
    isSent()
    for (let id = 1; id < 40; id += 2) {
      connection.send(dsl.data(id, "", { endStream: true }))
      expect((await connection.head(id)).fields).toContainEqual([":status", "200"])
    }
    socket.destroy()
  })
})
