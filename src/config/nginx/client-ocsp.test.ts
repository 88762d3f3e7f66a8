import { expect, test } from "vitest"
import { loadYaml } from "../yaml/load.ts"
import { toYaml } from "../yaml/write.ts"
import { readNginxConfig } from "./read.ts"

const NO_FILES = {
  read(): never {
    throw new Error("no such file")
  },
  list: () => [],
}

/** What `ssl_ocsp` of a server of `http`, and of one of `stream`, comes to. */
function read(words: string, block: "http" | "stream") {
  const server = `listen 8443 ssl; ssl_certificate /c.pem; ssl_certificate_key /c.key; ssl_client_certificate /ca.pem;
    ssl_verify_client on; ${words}`
  const text =
    block === "http"
      ? `events {} http { server { ${server} location / { grpc_pass grpc://127.0.0.1:1; } } }`
      : `events {} stream { server { ${server} proxy_pass 127.0.0.1:1; } }`
  const { config, problems } = readNginxConfig(text, "nginx.conf", NO_FILES)
  if (config !== null) expect(loadYaml(toYaml(config), "sluice.yaml").config).toEqual(config)
  const errors = problems.filter(({ severity }) => severity === "error").map(({ message }) => message)
  return { clientOcsp: config?.listeners[0]?.tls?.clientOcsp, errors }
}

test.for<[words: string, clientOcsp: unknown]>([
  ["", undefined],
  ["ssl_ocsp off;", undefined],
  ["ssl_ocsp on;", { check: "chain", responder: null }],
  ["ssl_ocsp leaf; ssl_ocsp_cache shared:o:1m;", { check: "leaf", responder: null }],
  ["ssl_ocsp on; ssl_ocsp_responder http://ocsp.test/;", { check: "chain", responder: "http://ocsp.test/" }],
])("%s", ([words, clientOcsp]) => {
  for (const block of ["http", "stream"] as const)
    expect(read(words, block)).toEqual({ clientOcsp, errors: [] })
})

test.for<[words: string, error: string]>([
  ["ssl_ocsp maybe;", 'invalid value "maybe"'],
  ["ssl_ocsp on; ssl_ocsp_responder https://a/;", 'invalid URL prefix in OCSP responder "https://a/"'],
])("%s is an error", ([words, error]) => {
  expect(read(words, "http").errors).toEqual([error])
})

const TLS =
  "listen 8443 ssl; ssl_certificate /c.pem; ssl_certificate_key /c.key; ssl_client_certificate /ca.pem;"

test("it cannot be had where any certificate is let in", () => {
  const text = `events {} http { server { ${TLS} ssl_verify_client optional_no_ca; ssl_ocsp on; return 204; } }`
  expect(readNginxConfig(text, "nginx.conf", NO_FILES).problems.map(({ message }) => message)).toContain(
    '"ssl_ocsp" is incompatible with "ssl_verify_client optional_no_ca"',
  )
})

test("servers of one address may differ in it", () => {
  const verifying = `${TLS} ssl_verify_client on; return 204;`
  const text = `events {} http { server { ${verifying} } server { server_name a; ${verifying} ssl_ocsp leaf; } }`
  const { tls } = readNginxConfig(text, "nginx.conf", NO_FILES).config!.listeners[0]!
  expect(tls!.clientOcsp).toBeUndefined()
  expect(tls!.certificates[1]!.clients).toMatchObject({ clientOcsp: { check: "leaf", responder: null } })
})
