import { expect, test } from "vitest"
import { loadConfig } from "./load.ts"
import { diskFiles } from "./nginx/include.ts"
import type { Problem } from "./problem.ts"
import { fromInput } from "./yaml/normalize.ts"

interface Read {
  config: unknown
  problems: Problem[]
}

const written = (path: string, text: string) => (): Read =>
  loadConfig(path, { ...diskFiles, read: () => Buffer.from(text) })
const tls = { certificates: [{ cert: "a.pem", key: "a.key" }] }

test.each([
  [
    "nginx.conf",
    written(
      "nginx.conf",
      `events {} http { server { listen 127.0.0.1:80 ssl proxy_protocol; ssl_certificate a.pem; ssl_certificate_key a.key;
      location / { return 404; } } }`,
    ),
  ],
  [
    "sluice.yaml",
    written(
      "sluice.yaml",
      `listeners: {address: "127.0.0.1:80", proxyProtocol: true, tls: ${JSON.stringify(tls)}}\nroutes: [{return: 404}]\n`,
    ),
  ],
  [
    "a program's",
    (): Read =>
      fromInput({
        listeners: { address: "127.0.0.1:80", proxyProtocol: true, tls },
        clusters: {},
        routes: [{ return: 404 }],
      }),
  ],
])("TLS together with the PROXY protocol is refused: %s", (_, read) => {
  const { config, problems } = read()
  expect(config).toBeNull()
  expect(problems.filter(({ severity }) => severity === "error").map(({ message }) => message)).toEqual([
    "listener 127.0.0.1:80: the PROXY protocol together with TLS is not supported yet",
  ])
})
