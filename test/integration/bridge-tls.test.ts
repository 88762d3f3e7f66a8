import * as http2 from "node:http2"
import * as https from "node:https"
import { beforeAll, expect, type TestContext, test } from "vitest"
import { WebSocket } from "ws"
import { Certificate, CertificateFiles } from "../support/certificates.ts"
import { TalkBackend, wordOctets } from "../support/talk-backend.ts"
import { TestBed } from "../support/test-bed.ts"

let root: Certificate
let server: Certificate

beforeAll(async () => {
  root = await Certificate.root("CN=Root")
  server = await root.issue({ names: ["chat.test"] })
})

/** One TLS port for all that browsers speak. */
async function start(t: TestContext) {
  const files = new CertificateFiles(t)
  const bed = await TestBed.start(t, {
    backends: [new TalkBackend()],
    config: {
      listeners: [{ address: "127.0.0.1:0", tls: { certificates: [files.pair("server", server)] } }],
      bridge: { grpcWeb: true, connect: true, webSocket: true },
    },
  })
  return { bed, tls: { ca: root.pem, servername: "chat.test" } }
}

const message = wordOctets({ text: "secret" })
const body = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message])
const fields = { "content-type": "application/grpc-web+proto" }

test("wss:// from a page of https://", async (t) => {
  const { bed, tls } = await start(t)
  const url = `wss://127.0.0.1:${bed.port}/talk.Talk/Say`
  const socket = new WebSocket(url, { ...tls, headers: { host: "chat.test" }, origin: "https://chat.test" })
  const heard: string[] = []
  socket.on("open", () => socket.send('{"text":"secret"}'))
  socket.on("message", (data) => heard.push((data as Buffer).toString()))
  await new Promise((resolve) => socket.on("close", resolve))
  expect(heard[0]).toBe('{"text":"secret"}')
  const [record] = await bed.ended()
  expect(record).toMatchObject({
    scheme: "https",
    connection: { protocol: "HTTP/1.1", tls: { protocol: "TLSv1.3" } },
  })
})

test("gRPC-Web over HTTP/1.1 and over HTTP/2, as ALPN chooses", async (t) => {
  const { bed, tls } = await start(t)
  const old = new Promise<string>((resolve) => {
    const options = {
      ...tls,
      port: bed.port,
      host: "127.0.0.1",
      path: "/talk.Talk/Say",
      method: "POST",
      headers: fields,
    }
    const request = https.request({ ...options, agent: false }, (response) => {
      let text = ""
      response.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")))
      response.on("end", () => resolve(text))
    })
    request.end(body)
  })
  expect(await old).toMatch(/secret.*grpc-status: 0/s)
  const session = http2.connect(`https://127.0.0.1:${bed.port}`, tls)
  const request = session.request({ ":method": "POST", ":path": "/talk.Talk/Say", ...fields })
  let text = ""
  request.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")))
  request.end(body)
  await new Promise((resolve) => request.on("end", resolve))
  session.destroy()
  expect(text).toMatch(/secret.*grpc-status: 0/s)
  const records = await bed.ended(2)
  expect(records.map(({ connection }) => connection.protocol)).toEqual(["HTTP/1.1", "HTTP/2.0"])
})
