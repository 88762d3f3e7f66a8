/** Headers that a configuration writes and HTTP/2 does not take: a strict backend and a strict client must see none. */
import { createServer, type IncomingHttpHeaders } from "node:http2"
import type { AddressInfo } from "node:net"
import { expect, test } from "vitest"
import { Balancer } from "../../src/balancer/balancer.ts"
import { diskFiles } from "../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../src/config/nginx/read.ts"
import { loadYaml } from "../../src/config/yaml/load.ts"
import { toYaml } from "../../src/config/yaml/write.ts"
import * as dsl from "../support/frame-dsl.ts"
import { RawClient } from "../support/raw-client.ts"

/** A backend of Node's, which resets what RFC 9113 calls malformed, and tells what it got. */
async function strictBackend(t: { onTestFinished(done: () => void): void }) {
  const seen: IncomingHttpHeaders[] = []
  const server = createServer()
  server.on("stream", (stream, headers) => {
    seen.push(headers)
    stream.respond(
      { ":status": 200, "content-type": "application/grpc", "grpc-status": "0" },
      { endStream: true },
    )
  })
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve))
  t.onTestFinished(() => void server.close())
  return { port: (server.address() as AddressInfo).port, seen }
}

const nginx = (port: number): string => `server {
  listen 127.0.0.1:1 http2;
  add_header Connection close always;
  add_header Keep-Alive timeout=5;
  add_header Transfer-Encoding chunked;
  add_header Content-Length 0;
  add_header X-Edge " a ";
  add_header X-Lines "default-src 'self';
     img-src *";
  add_header X-Query $arg_q;
  grpc_set_header Connection "upgrade";
  grpc_set_header Upgrade $http_upgrade$arg_q;
  grpc_set_header Proxy-Connection keep-alive;
  grpc_set_header Transfer-Encoding chunked;
  grpc_set_header Content-Length 12;
  grpc_set_header TE "$arg_te";
  grpc_set_header Host "$arg_host";
  grpc_set_header X-Blank "a ";
  grpc_set_header X-Uri "$uri ";
  location /return { return 302 https://a.example$uri; }
  location / { grpc_pass grpc://127.0.0.1:${port}; }
}`

const yaml = (port: number): string => `listeners: 127.0.0.1:1
clusters: { back: ["127.0.0.1:${port}"] }
addHeaders:
  - { name: Connection, value: close, always: true }
  - { name: X-Edge, value: " a " }
  - { name: X-Lines, value: "default-src 'self';\\n   img-src *" }
  - { name: X-Query, value: $arg_q }
setHeaders:
  Connection: upgrade
  UPGRADE: $arg_q
  Keep-Alive: a
  Content-Length: "12"
  TE: $arg_te
  Host: $arg_host
  X-Blank: "a "
  X-Uri: "$uri "
routes:
  - { prefix: /return, return: { status: 302, text: "https://a.example$uri" } }
  - { prefix: /, cluster: back }
`

test.for(["nginx.conf", "sluice.yaml"])("%s: calls go through, with what HTTP/2 takes", async (format, t) => {
  const { port, seen } = await strictBackend(t)
  const { config, problems } =
    format === "nginx.conf" ? readNginxConfig(nginx(port), format, diskFiles) : loadYaml(yaml(port), format)
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([])
  const listener = { ...config!.listeners[0]!, port: 0 }
  const balancer = new Balancer({ ...config!, listeners: [listener] })
  await balancer.start()
  t.onTestFinished(() => balancer.close({ graceMs: 0 }))
  const client = await RawClient.connect(balancer.addresses[0]!.port!)
  t.onTestFinished(() => void client.socket.destroy())
  const ask = async (path: string, changes: Record<string, string | undefined> = {}) => {
    const id = client.open(dsl.withFields(dsl.request, { ":path": path, ...changes }), { endStream: true })
    await client.end(id)
    return client.about(id).join("\n")
  }

  const answer = await ask("/a%0d%0ax:%20y?q=1&te=deflate&host=a%20b/c")
  expect(answer).toContain("grpc-status=0")
  expect(answer).toContain("x-edge=a x-lines=default-src 'self'; img-src * x-query=1")
  expect(answer).not.toMatch(/connection=|keep-alive=|transfer-encoding=|content-length=/)
  expect(seen[0]).toMatchObject({ te: "trailers", "x-blank": "a", "x-uri": "/a%0D%0Ax: y" })
  expect(seen[0]![":authority"]).toBe(dsl.request.find(([name]) => name === ":authority")![1])
  for (const name of ["connection", "upgrade", "keep-alive", "transfer-encoding", "content-length"])
    expect(seen[0]).not.toHaveProperty(name)

  expect(await ask("/x?te=trailers&host=b.example:81")).toContain("grpc-status=0")
  expect(seen[1]).toMatchObject({ te: "trailers", ":authority": "b.example:81" })

  expect(await ask("/return%0d%0aset-cookie:%20a=b", { "content-type": undefined })).toContain(
    "location=https://a.example/return%0D%0Aset-cookie: a=b",
  )
})

const UNDERSCORES = (port: number): string => `map $http_x_role $role { admin all; default none; }
limit_req_zone $http_tenant_id zone=z:1m rate=1r/m;
limit_req zone=z;
server {
  listen 127.0.0.1:1 http2;
  server_name on.example;
  underscores_in_headers on;
  grpc_set_header tenant_id $http_tenant_id;
  grpc_set_header X-Role $role;
  location / { grpc_pass grpc://127.0.0.1:${port}; }
}
server {
  listen 127.0.0.1:1 http2;
  server_name off.example;
  grpc_set_header X-Tenant $http_tenant_id;
  grpc_set_header X-Role $role;
  location / { grpc_pass grpc://127.0.0.1:${port}; }
}`

test.for(["nginx.conf", "sluice.yaml"])(
  "%s: fields with underscores are variables where the server says so",
  async (format, t) => {
    const { port, seen } = await strictBackend(t)
    const read = readNginxConfig(UNDERSCORES(port), "nginx.conf", diskFiles).config!
    const config = format === "nginx.conf" ? read : loadYaml(toYaml(read), format).config!
    const balancer = new Balancer({ ...config, listeners: [{ ...config.listeners[0]!, port: 0 }] })
    await balancer.start()
    t.onTestFinished(() => balancer.close({ graceMs: 0 }))
    const client = await RawClient.connect(balancer.addresses[0]!.port!)
    t.onTestFinished(() => void client.socket.destroy())
    for (const authority of ["on.example", "off.example", "off.example", "on.example"]) {
      const fields = { ":authority": authority, x_role: "admin", tenant_id: "7" }
      await client.end(client.open(dsl.withFields(dsl.request, fields), { endStream: true }))
    }
    expect(seen[0]).toMatchObject({ tenant_id: "7", "x-role": "all" })
    expect(seen[1]).toMatchObject({ tenant_id: "7", "x-role": "none" })
    expect(seen[1]).not.toHaveProperty("x-tenant")
    expect(seen.map((fields) => fields["x-role"])).toEqual(["all", "none", "none"])
  },
)
