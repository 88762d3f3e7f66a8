import { createPrivateKey } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { Certificate } from "../../test/support/certificates.ts"
import { freePort } from "../../test/support/free-port.ts"
import { testDirectory } from "../../test/support/sluice-process.ts"
import { Balancer } from "../balancer/balancer.ts"
import { readConfig } from "../config/load.ts"
import { makeLogDirectories, prepare } from "./prepare.ts"

const LONG_LABEL = `${"a".repeat(64)}.example`
const plain = (directives: string): string =>
  `${directives} server { listen 127.0.0.1:PORT http2; location / { grpc_pass 127.0.0.1:3000; } }`
const listens = (address: string): string =>
  `server { listen ${address} http2; location / { grpc_pass 127.0.0.1:3000; } }`
const tls = (certificate: string, key: string): string =>
  `server { listen 127.0.0.1:PORT ssl http2; ssl_certificate ${certificate}; ssl_certificate_key ${key};
   location / { grpc_pass 127.0.0.1:3000; } }`
const grpcs = (directives: string): string =>
  `server { listen 127.0.0.1:PORT http2; location / { grpc_pass grpcs://127.0.0.1:3000; ${directives} } }`
const https = (directives: string): string =>
  `server { listen 127.0.0.1:PORT; location / { proxy_pass https://127.0.0.1:3000; ${directives} } }`
const described = (path: string): string =>
  `server { listen 127.0.0.1:PORT http2; location / { grpc_pass 127.0.0.1:3000; grpc_websocket on; grpc_descriptor_set ${path}; } }`

/** What a start says is what `check` says: both of the same files, on this machine. `said`: null, both take it. */
test.for<[what: string, text: string, said: string | null]>([
  ["nothing special", plain(""), null],
  ["a certificate and its key", tls("a.pem", "a.key"), null],
  ["another's key", tls("a.pem", "b.key"), "key"],
  ["no certificate in the file", tls("garbage", "a.key"), "garbage"],
  ["a certificate that is not there", tls("none.pem", "a.key"), "none.pem"],
  ["a directory for a certificate", tls("directory", "a.key"), "directory"],
  [
    "authorities that are none",
    grpcs("grpc_ssl_verify on; grpc_ssl_trusted_certificate garbage;"),
    "garbage",
  ],
  ["authorities that are not there", grpcs("grpc_ssl_trusted_certificate none.pem;"), "none.pem"],
  ["a certificate for endpoints", grpcs("grpc_ssl_certificate a.pem; grpc_ssl_certificate_key a.key;"), null],
  ["authorities of proxy_pass that are none", https("proxy_ssl_trusted_certificate garbage;"), "garbage"],
  [
    "a certificate of proxy_pass",
    https("proxy_ssl_certificate a.pem; proxy_ssl_certificate_key a.key;"),
    null,
  ],
  [
    "a passphrase of proxy_pass that opens nothing",
    https(
      "proxy_ssl_certificate a.pem; proxy_ssl_certificate_key locked.key; proxy_ssl_password_file garbage;",
    ),
    "passphrase",
  ],
  [
    "authorities of a service that are none",
    plain("ext_authz grpcs://127.0.0.1:3001; grpc_ssl_trusted_certificate garbage;"),
    "garbage",
  ],
  ["descriptors that are none", described("garbage"), "garbage"],
  ["descriptors that are not there", described("none.pb"), "none.pb"],
  ["another machine's address", listens("192.0.2.1:PORT"), "this machine has no such address"],
  ["a name that nobody has", listens(`${LONG_LABEL}:PORT`), `cannot listen on ${LONG_LABEL}`],
  ["a name of this machine", listens("localhost:PORT"), null],
  ["a Unix socket", listens("unix:DIRECTORY/socket"), null],
  ["a Unix socket in a directory that is not there", listens("unix:DIRECTORY/none/socket"), "does not exist"],
  [
    "a log in a directory that is not there",
    plain("access_log made/of/it/a.log; error_log logs/b.log;"),
    null,
  ],
  ["a directory for a log", plain("access_log directory;"), "it is a directory"],
])("check and run agree: %s", async ([, text, said], t) => {
  const directory = testDirectory(t)
  for (const name of ["a", "b"]) {
    const { pem, key } = await Certificate.root(`CN=${name}.example`)
    writeFileSync(join(directory, `${name}.pem`), pem)
    writeFileSync(join(directory, `${name}.key`), key)
  }
  const key = createPrivateKey(readFileSync(join(directory, "a.key")))
  const lock = { cipher: "aes-256-cbc", passphrase: "another" }
  writeFileSync(join(directory, "locked.key"), key.export({ type: "pkcs8", format: "pem", ...lock }))
  writeFileSync(join(directory, "garbage"), "garbage\n")
  mkdirSync(join(directory, "directory"))
  const path = join(directory, "nginx.conf")
  writeFileSync(path, text.replaceAll("PORT", String(await freePort())).replaceAll("DIRECTORY", directory))

  const { config, problems } = await prepare(path, { strict: false })
  const errors = problems.filter(({ severity }) => severity === "error").map(({ message }) => message)
  expect(errors).toEqual(said === null ? [] : [expect.stringContaining(said)])
  expect(config !== null).toBe(said === null)

  const written = readConfig(path).config!
  makeLogDirectories(written)
  const started = (async () => {
    const balancer = new Balancer(written)
    t.onTestFinished(() => balancer.close({ graceMs: 0 }))
    await balancer.start()
    return "started"
  })()
  if (said === null) expect(await started).toBe("started")
  else await expect(started).rejects.toThrow(said)
  expect(existsSync(join(directory, "made/of/it"))).toBe(text.includes("made/of/it"))
})

test("a problem of the start stands where the file names it", async (t) => {
  const path = join(testDirectory(t), "nginx.conf")
  writeFileSync(path, listens("192.0.2.1:8080").replace("{", "{\n"))
  const { problems } = await prepare(path, { strict: false })
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([
    expect.objectContaining({ file: path, line: 2, column: 9, length: 14 }),
  ])
})

test("names of proxies that are believed are looked up once, and one that is not found is an error", async (t) => {
  const directory = testDirectory(t)
  const path = join(directory, "nginx.conf")
  const preparedWith = (name: string) => {
    writeFileSync(path, plain(`set_real_ip_from ${name}; set_real_ip_from 10.0.0.0/8;`).replace("PORT", "1"))
    return prepare(path, { strict: false })
  }
  const { config } = await preparedWith("localhost")
  const from = config!.servers[0]!.fallback.realIp!.from
  expect(from).toEqual(expect.arrayContaining(["127.0.0.1", "10.0.0.0/8"]))
  expect(from).not.toContain("localhost")
  const { config: none, problems } = await preparedWith(LONG_LABEL)
  expect(none).toBeNull()
  expect(problems).toContainEqual(
    expect.objectContaining({ line: 1, message: `host not found in set_real_ip_from "${LONG_LABEL}"` }),
  )
})
