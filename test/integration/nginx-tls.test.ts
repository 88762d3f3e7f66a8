/** What nginx says of a client's certificate: the same file and the same clients through nginx and through Sluice. */
import { createPrivateKey } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { connect } from "node:tls"
import { expect, test } from "vitest"
import { BesideNginx } from "../support/beside-nginx.ts"
import { Certificate } from "../support/certificates.ts"
import { isInstalled } from "../support/nginx.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")

const VARIABLES = [
  ...["ssl_server_name", "ssl_client_verify", "ssl_client_s_dn", "ssl_client_i_dn"],
  ...["ssl_client_s_dn_legacy", "ssl_client_i_dn_legacy", "ssl_client_serial", "ssl_client_fingerprint"],
  ...[
    "ssl_client_v_start",
    "ssl_client_v_end",
    "ssl_client_v_remain",
    "ssl_client_escaped_cert",
    "scheme",
    "https",
  ],
]

test.skipIf(!hasNginx).for([
  ["the default server refuses", "default_server", ""],
  ["another one does", "", "default_server"],
])("ssl_reject_handshake: %s", async ([, rejecting, other], t) => {
  const beside = new BesideNginx(t)
  const server = await (await Certificate.root("CN=Root")).issue({ names: ["a.test"] })
  writeFileSync(join(beside.directory, "server.pem"), server.pem)
  writeFileSync(join(beside.directory, "server.key"), server.key)
  const http = `
    server { listen SOCKET ssl ${rejecting}; ssl_reject_handshake on; server_name no.test *.no.test; }
    server { listen SOCKET ssl ${other}; server_name a.test yes.no.test;
      ssl_certificate server.pem; ssl_certificate_key server.key; return 200 "$ssl_server_name"; }`
  const nginx = await beside.startNginx(t, http)
  const sluice = await beside.startSluice(http)
  for (const host of ["a.test", "yes.no.test", "no.test", "x.no.test", "unknown.test"]) {
    const asked = { path: "/", headers: { host }, tls: null }
    const [theirs, ours] = await Promise.all(
      [nginx, sluice].map((ask) =>
        ask(asked).then(
          ({ body }) => body,
          () => "refused",
        ),
      ),
    )
    expect([host, ours]).toEqual([host, theirs])
  }
})

test.skipIf(!hasNginx)("each server of an address asks its own clients for certificates", async (t) => {
  const beside = new BesideNginx(t)
  const [one, other] = [await Certificate.root("CN=One"), await Certificate.root("CN=Other")]
  const server = await one.issue({ names: ["a.test"] })
  for (const [name, content] of [
    ["server.pem", server.pem],
    ["server.key", server.key],
    ["one.pem", one.pem],
    ["other.pem", other.pem],
  ] as const)
    writeFileSync(join(beside.directory, name), content)
  const said = `return 200 "$ssl_server_name $ssl_client_verify $ssl_client_s_dn";`
  const http = `ssl_certificate server.pem; ssl_certificate_key server.key;
    server { listen SOCKET ssl; server_name plain.test; ${said} }
    server { listen SOCKET ssl; server_name one.test; ssl_verify_client on; ssl_client_certificate one.pem; ${said} }
    server { listen SOCKET ssl; server_name other.test *.other.test; ssl_verify_client optional;
      ssl_client_certificate other.pem; ${said} }`
  const nginx = await beside.startNginx(t, http)
  const sluice = await beside.startSluice(http)
  const certificates = [
    null,
    await one.issue({ subject: "CN=alice" }).then(({ pem, key }) => ({ cert: pem, key })),
    await other.issue({ subject: "CN=bob" }).then(({ pem, key }) => ({ cert: pem, key })),
  ]
  const hosts = ["plain.test", "one.test", "other.test", "x.other.test", "unknown.test"]
  // Of two names of one server, which asks the same of both, nginx refuses the one that was not said by SNI.
  for (const host of hosts)
    for (const servername of hosts.filter(
      (name) => name === host || !`${name} ${host}`.match(/r\.test .*r\.test/),
    ))
      for (const tls of certificates) {
        const asked = { path: "/", headers: { host }, servername, tls }
        const [theirs, ours] = await Promise.all([nginx(asked), sluice(asked)])
        const told = ({ status, body }: typeof theirs) => [status, status === 200 ? body : ""]
        expect([host, servername, tls && certificates.indexOf(tls), told(ours)]).toEqual([
          ...[host, servername, tls && certificates.indexOf(tls)],
          told(theirs),
        ])
      }
})

/** What comes back for a request of HTTP/1.0 without a host: its first line and its body. */
async function askWithoutHost(path: string, servername: string, tls: object): Promise<string[]> {
  const socket = connect({ path, servername, rejectUnauthorized: false, ...tls })
  socket.on("error", () => {})
  socket.end("GET / HTTP/1.0\r\n\r\n")
  const lines = (await text(socket)).split("\r\n")
  return lines[0]!.includes("200") ? ["200", lines.at(-1)!] : [lines[0]!.split(" ")[1]!]
}

test.skipIf(!hasNginx)("a call without a host is let in as its own server says", async (t) => {
  const beside = new BesideNginx(t)
  const root = await Certificate.root("CN=Root")
  const server = await root.issue({ names: ["a.test"] })
  for (const [name, content] of [
    ["server.pem", server.pem],
    ["server.key", server.key],
    ["root.pem", root.pem],
  ] as const)
    writeFileSync(join(beside.directory, name), content)
  const http = `ssl_certificate server.pem; ssl_certificate_key server.key; ssl_client_certificate root.pem;
    server { listen SOCKET ssl; server_name plain.test; return 200 plain; }
    server { listen SOCKET ssl; server_name asked.test; ssl_verify_client optional; return 200 asked; }
    server { listen SOCKET ssl; server_name ""; ssl_verify_client on; return 200 secret; }
    server { listen SOCKET ssl; return 200 later; }`
  await beside.startNginx(t, http)
  await beside.startSluice(http)
  const alice = await root.issue({ subject: "CN=alice" }).then(({ pem, key }) => ({ cert: pem, key }))
  for (const servername of ["", "plain.test", "asked.test", "unknown.test"])
    for (const tls of [{}, alice]) {
      const [theirs, ours] = await Promise.all(
        ["nginx", "sluice"].map((name) => askWithoutHost(join(beside.directory, name), servername, tls)),
      )
      expect([servername, "cert" in tls, ours]).toEqual([servername, "cert" in tls, theirs])
    }
})

/** The status, and what the server that answers adds. */
async function askRaw(path: string, servername: string, request: string): Promise<string[]> {
  const socket = connect({ path, servername, rejectUnauthorized: false })
  socket.on("error", () => {})
  socket.end(request)
  const answer = await text(socket)
  return [/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? "none", /^X-Server: (\w+)/im.exec(answer)?.[1] ?? "none"]
}

test.skipIf(!hasNginx)("a request that is refused is one of the server that was said so far", async (t) => {
  const beside = new BesideNginx(t)
  const server = await (await Certificate.root("CN=Root")).issue({ names: ["a.test"] })
  writeFileSync(join(beside.directory, "server.pem"), server.pem)
  writeFileSync(join(beside.directory, "server.key"), server.key)
  const http = `ssl_certificate server.pem; ssl_certificate_key server.key;
    server { listen SOCKET ssl; server_name first.test; add_header X-Server first always; return 200; }
    server { listen SOCKET ssl; server_name said.test; add_header X-Server said always; return 200; }
    server { listen SOCKET ssl; server_name asked.test; add_header X-Server asked always; return 200; }`
  await beside.startNginx(t, http)
  await beside.startSluice(http)
  const paths = ["/a/../../b", "/%4", "a", "http://asked.test/../b"]
  const requests = [
    ...paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: asked.test\r\n\r\n`),
    "GET / HTTP/1.1\r\nHost: asked.test\r\nbad\u0001: 1\r\n\r\n",
    "GET / HTTP/1.1\r\nbad\u0001: 1\r\nHost: asked.test\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: asked.test\r\nHost: asked.test\r\n\r\n",
    "GET / HTTP/1.1\r\nX: 1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: asked.test\r\nContent-Length: x\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: asked.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    `GET / HTTP/1.1\r\nHost: asked.test\r\nX: ${"x".repeat(40_000)}\r\n\r\n`,
    `GET / HTTP/1.1\r\nX: ${"x".repeat(40_000)}\r\nHost: asked.test\r\n\r\n`,
    `GET /${"x".repeat(40_000)} HTTP/1.1\r\nHost: asked.test\r\n\r\n`,
  ]
  for (const servername of ["", "said.test", "unknown.test"])
    for (const request of requests) {
      const [theirs, ours] = await Promise.all(
        ["nginx", "sluice"].map((name) => askRaw(join(beside.directory, name), servername, request)),
      )
      const what = request.slice(0, 90)
      expect.soft([servername, what, ...ours!]).toEqual([servername, what, ...theirs!])
    }
})

test.skipIf(!hasNginx)("ssl_password_file opens the key, whichever of its lines does", async (t) => {
  const beside = new BesideNginx(t)
  const server = await (await Certificate.root("CN=Root")).issue({ names: ["a.test"] })
  const sealed = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "the second" } as const
  writeFileSync(join(beside.directory, "server.pem"), server.pem)
  writeFileSync(join(beside.directory, "server.key"), createPrivateKey(server.key).export(sealed))
  writeFileSync(join(beside.directory, "passwords"), "the first\nthe second\n")
  const http = `server { listen SOCKET ssl; ssl_certificate server.pem; ssl_certificate_key server.key;
    ssl_password_file passwords; return 200 "$scheme"; }`
  for (const ask of [await beside.startNginx(t, http), await beside.startSluice(http)])
    expect((await ask({ path: "/", headers: { host: "a.test" }, tls: null })).body).toBe("https")
  writeFileSync(join(beside.directory, "passwords"), "the first\n")
  await expect(beside.startSluice(http, "refused")).rejects.toThrow(
    "server.key: not a private key in PEM that a passphrase of",
  )
})

test.skipIf(!hasNginx)("the certificate's fields are those of nginx", async (t) => {
  const beside = new BesideNginx(t)
  const root = await Certificate.root("CN=Root,O=Example")
  const server = await root.issue({ names: ["a.test"] })
  const client = await root.issue({ subject: "CN=alice,OU=R&D,O=Example Ltd.,C=GB" })
  const stranger = await (await Certificate.root("CN=Other")).issue({ subject: "CN=eve" })
  for (const [name, content] of [
    ["server.pem", server.pem],
    ["server.key", server.key],
    ["root.pem", root.pem],
  ] as const)
    writeFileSync(join(beside.directory, name), content)
  const http = `server {
    listen SOCKET ssl; server_name a.test;
    ssl_certificate server.pem; ssl_certificate_key server.key;
    ssl_client_certificate root.pem; ssl_verify_client optional_no_ca;
    location / { return 200 "${VARIABLES.map((name) => `${name}=$${name}`).join("\\n")}"; }
  }`
  const nginx = await beside.startNginx(t, http)
  const sluice = await beside.startSluice(http)
  for (const tls of [client, stranger, null]) {
    const given = tls === null ? null : { cert: tls.pem, key: tls.key }
    const asked = { path: "/", headers: { host: "a.test" }, tls: given }
    const [theirs, ours] = await Promise.all([nginx(asked), sluice(asked)])
    expect(ours.body.split("\n")).toEqual(theirs.body.split("\n"))
  }
})
