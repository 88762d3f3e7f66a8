/** Certificates whose paths have variables, on real sockets. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as connectTls } from "node:tls"
import { expect, onTestFinished, test } from "vitest"
import { Balancer } from "../../src/balancer/balancer.ts"
import { startProblems } from "../../src/balancer/start-problems.ts"
import { diskFiles } from "../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../src/config/nginx/read.ts"
import { Certificate } from "../support/certificates.ts"
import { eventually } from "../support/eventually.ts"
import { LogLines } from "../support/log-lines.ts"

interface Bed {
  readonly log: LogLines
  readonly directory: string
  /** The common name that a client of a name is shown, or `failed`. `said`: what it says before its handshake. */
  shown(servername: string, said?: string): Promise<string>
  put(name: string, commonName?: string): Promise<void>
}

const HTTP = (tls: string) => `http { server { listen 127.0.0.1:1 ssl; ${tls} return 200 x; } }`

/** `DIR`: where certificates are put, each as `NAME.crt` and `NAME.key`. */
async function start(block: string): Promise<Bed> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-certs-"))
  mkdirSync(join(directory, "certs"))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const put = async (name: string, commonName = name): Promise<void> => {
    const certificate = await Certificate.root(`CN=${commonName}`)
    writeFileSync(join(directory, "certs", `${name}.crt`), certificate.pem)
    writeFileSync(join(directory, "certs", `${name}.key`), certificate.key)
  }
  await put("one.example")
  const text = `events {} ${block.replaceAll("DIR", join(directory, "certs"))}`
  const { config, problems } = readNginxConfig(text, join(directory, "nginx.conf"), diskFiles)
  if (config === null) throw new Error(problems.map(({ message }) => message).join("\n"))
  for (const listener of config.listeners) if (listener.unixPath === null) listener.port = 0
  expect(await startProblems(config)).toEqual([])
  const log = new LogLines()
  const balancer = new Balancer(config, { log: log.log })
  onTestFinished(() => balancer.close({ graceMs: 0 }))
  await balancer.start()
  const shown = (servername: string, said = ""): Promise<string> =>
    new Promise((resolve) => {
      const raw = connect(balancer.addresses.find(({ port }) => port !== null)!.port!, "127.0.0.1")
      if (said !== "") raw.write(said)
      const socket = connectTls({ socket: raw, servername, rejectUnauthorized: false })
      raw.on("error", () => resolve("failed"))
      onTestFinished(() => void socket.destroy())
      socket.once("secureConnect", () => {
        resolve(socket.getPeerCertificate().subject.CN as string)
        socket.destroy()
      })
      socket.on("error", () => resolve("failed"))
    })
  return { log, directory, shown, put }
}

const BY_NAME = "ssl_certificate DIR/$ssl_server_name.crt; ssl_certificate_key DIR/$ssl_server_name.key;"

const MAP = `map $ssl_server_name $which { "" one.example; hostnames; .two.example two.example; default none; }`
const BY_MAP = "ssl_certificate DIR/$which.crt; ssl_certificate_key DIR/$which.key;"

test.each([
  ["http", HTTP(BY_NAME)],
  ["stream", `stream { server { listen 127.0.0.1:1 ssl; ${BY_NAME} return x; } }`],
])("are found when a client says a name, in %s", async (_, block) => {
  const bed = await start(block)
  expect(await bed.shown("one.example")).toBe("one.example")
  expect(await bed.shown("two.example")).toBe("failed")
  await bed.put("two.example")
  expect(await bed.shown("two.example")).toBe("two.example")
  expect(await bed.shown("one.example")).toBe("one.example")
})

test("a name without a file has one line in the log", async () => {
  const bed = await start(HTTP(BY_NAME))
  expect(await bed.shown("two.example")).toBe("failed")
  await eventually(
    () => bed.log.saying("TLS handshake failed").length > 0,
    () => "it is said",
  )
  expect(bed.log.saying("TLS handshake failed")).toMatchObject([
    { reason: expect.stringContaining("certs/two.example.crt: no such file") as string },
  ])
})

test("a file that has changed is read again, at once", async () => {
  const bed = await start(HTTP(BY_NAME))
  expect(await bed.shown("one.example")).toBe("one.example")
  await bed.put("one.example", "renewed")
  expect(await bed.shown("one.example")).toBe("renewed")
})

test.each(["../certs/one.example", "./one.example", "x/../one.example", "..", "one.example/"])(
  "a name that would climb to other files is none: %s",
  async (name) => {
    const bed = await start(
      HTTP("ssl_certificate DIR/$ssl_server_name.crt; ssl_certificate_key DIR/one.example.key;"),
    )
    expect(await bed.shown(name)).toBe("failed")
    expect(await bed.shown("one.example")).toBe("one.example")
  },
)

test.each([
  ["http", `http { ${MAP} server { listen 127.0.0.1:1 ssl; ${BY_MAP} return 200 x; } }`],
  ["stream", `stream { ${MAP} server { listen 127.0.0.1:1 ssl; ${BY_MAP} return x; } }`],
])("by a map, with one for clients that say no name, in %s", async (_, block) => {
  const bed = await start(block)
  await bed.put("two.example")
  const names = ["", "a.two.example", "two.example", "three.example"]
  const shown: string[] = []
  for (const name of names) shown.push(await bed.shown(name))
  expect(shown).toEqual(["one.example", "two.example", "two.example", "failed"])
})

const BY_CLIENT = `ssl_certificate DIR/$proxy_protocol_addr-$remote_addr.crt;
  ssl_certificate_key DIR/$proxy_protocol_addr-$remote_addr.key;`
const PASSING = "stream { server { listen 127.0.0.1:1 proxy_protocol; pass unix:DIR/in; }"

test.each([
  ["http", `http { server { listen 127.0.0.1:1 ssl proxy_protocol; ${BY_CLIENT} return 200 x; } }`],
  ["stream", `stream { server { listen 127.0.0.1:1 ssl proxy_protocol; ${BY_CLIENT} return x; } }`],
  ["http behind pass", `${PASSING} } http { server { listen unix:DIR/in ssl; ${BY_CLIENT} return 200 x; } }`],
  ["stream behind pass", `${PASSING} server { listen unix:DIR/in ssl; ${BY_CLIENT} return x; } }`],
])("by what the PROXY protocol says of a client, in %s", async (_, block) => {
  const bed = await start(block)
  await bed.put("192.0.2.7-127.0.0.1", "seven")
  expect(await bed.shown("one.example", "PROXY TCP4 192.0.2.7 192.0.2.1 1000 443\r\n")).toBe("seven")
  expect(await bed.shown("one.example", "PROXY TCP4 192.0.2.8 192.0.2.1 1000 443\r\n")).toBe("failed")
})

test("beside servers with a file of their own, and for names that no server has", async () => {
  const own = "ssl_certificate DIR/one.example.crt; ssl_certificate_key DIR/one.example.key; return 200 x;"
  const bed = await start(
    `http { server { listen 127.0.0.1:1 ssl default_server; ${BY_NAME} return 200 x; }
       server { listen 127.0.0.1:1 ssl; server_name fixed.example; ${own} }
       server { listen 127.0.0.1:1 ssl; server_name no.example; ssl_reject_handshake on; } }`,
  )
  await bed.put("two.example")
  await bed.put("no.example")
  const shown: string[] = []
  for (const name of ["fixed.example", "two.example", "no.example", ""]) shown.push(await bed.shown(name))
  expect(shown).toEqual(["one.example", "two.example", "failed", "failed"])
})

test("what comes to no absolute path is no certificate", async () => {
  const bed = await start(
    HTTP("ssl_certificate $ssl_server_name.crt; ssl_certificate_key DIR/one.example.key;"),
  )
  expect(await bed.shown("one.example")).toBe("failed")
})
