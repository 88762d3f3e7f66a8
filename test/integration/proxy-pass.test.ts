/** HTTP/1.1 backends behind nginx's `proxy_pass`, on real sockets. */
import { once } from "node:events"
import { createServer, type IncomingMessage, request as sendRequest } from "node:http"
import { type AddressInfo, connect, createServer as createRaw, type Socket } from "node:net"
import { expect, type TestContext, test } from "vitest"
import { Balancer } from "../../src/balancer/balancer.ts"
import { diskFiles } from "../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../src/config/nginx/read.ts"

/** Runs what stands in an `http` block; `LISTEN` in it is the balancer's own address. Returns the port. */
async function run(t: TestContext, http: string): Promise<number> {
  const text = `events {}\nhttp { ${http} }\n`
  const { config, problems } = readNginxConfig(text, "/nginx.conf", diskFiles)
  if (config === null) throw new Error(problems.map(({ message }) => message).join("; "))
  config.listeners[0]!.port = 0
  const balancer = new Balancer(config)
  await balancer.start()
  t.onTestFinished(() => balancer.close({ graceMs: 0 }))
  return balancer.addresses[0]!.port!
}

interface Got {
  status: number
  headers: IncomingMessage["headers"]
  body: string
}

function get(port: number, path: string, headers: Record<string, string> = {}, body = ""): Promise<Got> {
  return new Promise((resolve, reject) => {
    const request = sendRequest(
      { port, path, headers, agent: false, method: body === "" ? "GET" : "POST" },
      (response) => {
        let text = ""
        response.setEncoding("latin1")
        response.on("data", (octets: string) => (text += octets))
        response.on("end", () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: text }),
        )
        response.on("error", reject)
      },
    )
    request.on("error", reject)
    request.end(body)
  })
}

/** A backend that says what it saw: `METHOD path`, then its fields. */
async function echo(t: TestContext, answer: Record<string, string | string[]> = {}): Promise<number> {
  const server = createServer((request, response) => {
    let octets = 0
    request.on("data", (chunk: Buffer) => (octets += chunk.length))
    request.on("end", () => {
      const { method, url, headers } = request
      response.writeHead(200, answer)
      response.end(JSON.stringify({ method, url, headers, octets }))
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A backend that answers each connection's first octets with `octets`, whatever they ask; and how many came. */
async function raw(
  t: TestContext,
  octets: string,
  thenEnd: boolean,
): Promise<{ port: number; count(): number }> {
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createRaw((socket) => {
    connections++
    sockets.add(socket)
    socket.on("error", () => {})
    socket.once("data", () => {
      socket.write(octets)
      if (thenEnd) socket.end()
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, count: () => connections }
}

const LISTEN = "listen 127.0.0.1:1;"

test.for<[location: string, asked: string, seen: string]>([
  ["location / { proxy_pass http://B; }", "/a//b/../c?x=1", "/a//b/../c?x=1"],
  ["location /a/ { proxy_pass http://B/; }", "/a/b%20c?x=1", "/b%20c?x=1"],
  ["location /a { proxy_pass http://B/z; }", "/a/b", "/z/b"],
  ["location /a/ { proxy_pass http://B/z/; }", "/a/./b//c", "/z/b/c"],
  ["location = /a { proxy_pass http://B/one; }", "/a?q", "/one?q"],
  ["location ~ ^/v(\\d)/(.*)$ { proxy_pass http://B/$2/$1$is_args$args; }", "/v7/x?a=b", "/x/7?a=b"],
  ["location /a/ { rewrite ^/a/(.*)$ /r/$1 break; proxy_pass http://B; }", "/a/b?c", "/r/b?c"],
  ["location /a { rewrite ^/a/?(.*) /$1 break; proxy_pass http://B/; }", "/a/bc", "/bc"],
  ["location /a { set $b http://B; proxy_pass $b; }", "/a/%41", "/a/%41"],
])("%s sends %s as %s", async ([location, asked, seen], t) => {
  const backend = await echo(t)
  const port = await run(t, `server { ${LISTEN} ${location.replaceAll("B", `127.0.0.1:${backend}`)} }`)
  const { status, body } = await get(port, asked)
  expect(status).toBe(200)
  expect(JSON.parse(body).url).toBe(seen)
})

test("sets, removes and passes on fields as nginx does", async (t) => {
  const backend = await echo(t)
  const port = await run(
    t,
    `server { ${LISTEN} location / {
       proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Gone ""; proxy_set_header Host $http_host;
       proxy_pass http://127.0.0.1:${backend}; } }`,
  )
  const { body } = await get(port, "/", { host: "a.example:81", "x-gone": "1", "x-own": "2", te: "trailers" })
  const { headers } = JSON.parse(body)
  expect(headers).toMatchObject({ host: "a.example:81", "x-real-ip": "127.0.0.1", "x-own": "2" })
  expect(headers["x-gone"]).toBeUndefined()
  expect(headers.te).toBeUndefined()
})

test("what a backend is sent does not tell of it, only of those asked before an error page", async (t) => {
  const backend = await echo(t)
  const fields = `proxy_set_header X-Address $upstream_addr; proxy_set_header X-Time $upstream_response_time;
    proxy_set_header X-Status $upstream_status; proxy_pass http://127.0.0.1:${backend};`
  const port = await run(
    t,
    `server { ${LISTEN} location / { ${fields} }
       location /dead { proxy_pass http://127.0.0.1:1; error_page 502 = @page; } location @page { ${fields} } }`,
  )
  const seen = async (path: string): Promise<unknown> => {
    const { headers } = JSON.parse((await get(port, path)).body)
    return [headers["x-address"], headers["x-status"], typeof headers["x-time"]]
  }
  expect(await seen("/")).toEqual([undefined, undefined, "undefined"])
  expect(await seen("/dead")).toEqual(["127.0.0.1:1", "502", "string"])
})

test("rewrites redirects and cookies, and hides what a backend says to nginx alone", async (t) => {
  const backend = await echo(t, {
    location: "http://inner/one",
    "set-cookie": ["a=1; Path=/in; Domain=in.example", "b=2"],
    "x-accel-expires": "5",
    "x-secret": "1",
    server: "x",
  })
  const port = await run(
    t,
    `server { ${LISTEN} location / {
       proxy_redirect http://inner/ https://outer/; proxy_cookie_path /in /out; proxy_cookie_domain in.example out.example;
       proxy_hide_header X-Secret; add_header X-Added 1; proxy_pass http://127.0.0.1:${backend}; } }`,
  )
  const { headers } = await get(port, "/")
  expect(headers).toMatchObject({
    location: "https://outer/one",
    "set-cookie": ["a=1; Path=/out; Domain=out.example", "b=2"],
    "x-added": "1",
  })
  for (const name of ["x-accel-expires", "x-secret", "server"]) expect(headers[name]).toBeUndefined()
})

test.for<[said: string, directives: string, location: (port: number, backend: number) => string]>([
  ["http://inner/a", "proxy_redirect http://inner/ /outer/;", (port) => `http://a.example:${port}/outer/a`],
  ["http://inner/a", "proxy_redirect http://inner/ /o/; absolute_redirect off;", () => "/o/a"],
  ["http://inner/a", "proxy_redirect http://inner/ /o/; port_in_redirect off;", () => "http://a.example/o/a"],
  [
    "http://inner/a",
    "proxy_redirect http://inner/ /o/; server_name_in_redirect on;",
    (port) => `http://named.example:${port}/o/a`,
  ],
  ["/a", "proxy_redirect http://inner/ /outer/;", () => "/a"],
  ["/a", "proxy_redirect / /b/;", (port) => `http://a.example:${port}/b/a`],
  ["http://BACKEND/a", "", (port) => `http://a.example:${port}/x/a`],
  [
    "http://BACKEND/a",
    "location /x/y { proxy_pass http://BACKEND/z; }",
    (port) => `http://a.example:${port}/x/a`,
  ],
  [
    "http://BACKEND/a",
    "location /x/y { proxy_pass http://BACKEND/z; } proxy_redirect off;",
    (_port, backend) => `http://127.0.0.1:${backend}/a`,
  ],
  [
    "http://BACKEND/y/a",
    "location /x/y { proxy_pass http://BACKEND/y; proxy_redirect default; } proxy_redirect off;",
    (port) => `http://a.example:${port}/x/y/a`,
  ],
])("a backend's redirect to %s with %s", async ([said, directives, location], t) => {
  const answer: Record<string, string> = {}
  const backend = await echo(t, answer)
  answer.location = said.replace("BACKEND", `127.0.0.1:${backend}`)
  const port = await run(
    t,
    `server { ${LISTEN} server_name named.example; location /x/ { proxy_pass http://BACKEND/; ${directives} } }`.replaceAll(
      "BACKEND",
      `127.0.0.1:${backend}`,
    ),
  )
  const { headers } = await get(port, "/x/y", { host: "A.example:99" })
  expect(headers.location).toBe(location(port, backend))
})

test("a body is sent with its length, also one that came in chunks", async (t) => {
  const backend = await echo(t)
  const port = await run(t, `server { ${LISTEN} location / { proxy_pass http://127.0.0.1:${backend}; } }`)
  const { body } = await get(port, "/", { "transfer-encoding": "chunked" }, "hello")
  expect(JSON.parse(body)).toMatchObject({ octets: 5, headers: { "content-length": "5" } })
})

test("connections are kept, and one that the backend has closed meanwhile is no failure", async (t) => {
  const backend = await raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true)
  const port = await run(
    t,
    `server { ${LISTEN} location / { proxy_pass http://127.0.0.1:${backend.port}; } }`,
  )
  for (let i = 0; i < 3; i++) expect((await get(port, "/")).body).toBe("ok")
  expect(backend.count()).toBe(3)
})

test.for<[name: string, octets: string, status: number]>([
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk", 502],
  [
    "length and chunks",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    502,
  ],
  ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", 502],
  ["a switch that was not asked for", "HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 502],
  ["a bare 101", "HTTP/1.1 101 X\r\n\r\n", 502],
  ["a NUL in a field", "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n", 502],
  ["half a head", "HTTP/1.1 200 OK\r\nX-A:", 502],
  ["nothing", "", 502],
  ["a head beyond all bounds", `HTTP/1.1 200 OK\r\nX-A: ${"a".repeat(70_000)}\r\n\r\n`, 502],
  ["a space before the colon", "HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 0\r\n\r\n", 502],
])("a backend that says %s", async ([, octets, status], t) => {
  const backend = await raw(t, octets, true)
  const port = await run(
    t,
    `server { ${LISTEN} location / { proxy_pass http://127.0.0.1:${backend.port}; } }`,
  )
  expect((await get(port, "/")).status).toBe(status)
})

test("what a backend says beyond its answer is not the answer to the next request", async (t) => {
  const more = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
  const backend = await raw(t, `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${more}`, false)
  const port = await run(
    t,
    `server { ${LISTEN} location / { proxy_pass http://127.0.0.1:${backend.port}; } }`,
  )
  for (let i = 0; i < 4; i++) expect((await get(port, "/")).body).toBe("ok")
})

test("what a backend says before any of a request has left is not its answer", async (t) => {
  const kept: Socket[] = []
  const server = createRaw((socket) => {
    kept.push(socket)
    socket.on("error", () => {})
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue"))
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => {
    for (const socket of kept) socket.destroy()
    server.close()
  })
  const backend = (server.address() as AddressInfo).port
  const port = await run(
    t,
    `upstream b { server 127.0.0.1:${backend}; keepalive 1; }
     server { ${LISTEN} proxy_http_version 1.1; proxy_set_header Connection "";
       location / { proxy_pass http://b; } location /here { return 200; } }`,
  )
  expect((await get(port, "/")).body).toBe("true")
  const client = connect(port, "127.0.0.1")
  t.onTestFinished(() => void client.destroy())
  let text = ""
  client.on("data", (octets) => (text += octets))
  client.write(
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n",
  )
  // It is gathered on the connection that was kept.
  for (let i = 0; i < 3; i++) await get(port, "/here")
  const isOver = Promise.race([once(kept[0]!, "close"), once(client, "data")])
  kept[0]!.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale")
  await isOver
  client.write("0\r\n\r\n")
  await once(client, "close")
  expect(text).toMatch(/\r\n\r\ntrue$/)
})

test("an answer that stops short is not told as a whole one", async (t) => {
  const backend = await raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nonly this", true)
  const port = await run(
    t,
    `server { ${LISTEN} location / { proxy_pass http://127.0.0.1:${backend.port}; } }`,
  )
  await expect(get(port, "/")).rejects.toThrow()
})

test.for<[name: string, head: string]>([
  [
    "length and chunks",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
  ],
  ["a folded coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"],
  ["an unknown coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"],
  ["a length that is no number", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello"],
])("a request with %s reaches no backend", async ([, head], t) => {
  const backend = await raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false)
  const port = await run(
    t,
    `server { ${LISTEN} location / { proxy_pass http://127.0.0.1:${backend.port}; } }`,
  )
  const socket = connect(port, "127.0.0.1")
  socket.write(head)
  let text = ""
  socket.on("data", (octets) => (text += octets))
  await once(socket, "close")
  expect(text).toMatch(/^HTTP\/1\.1 (400|501) /)
  expect(backend.count()).toBe(0)
})

test("an upgrade becomes a tunnel, and octets behind the head are its first", async (t) => {
  const server = createServer()
  server.on("upgrade", (_request, socket: Socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello ")
    socket.on("data", (octets) => socket.write(octets))
    socket.on("error", () => {})
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => void server.close())
  const backend = (server.address() as AddressInfo).port
  const port = await run(
    t,
    `map $http_upgrade $connection_upgrade { default upgrade; "" close; }
     server { ${LISTEN} location / { proxy_pass http://127.0.0.1:${backend};
       proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; } }`,
  )
  const socket = connect(port, "127.0.0.1")
  socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly ")
  let text = ""
  socket.on("data", (octets) => {
    text += octets
    if (text.endsWith("hello early ")) socket.write("late")
    if (text.endsWith("late")) socket.end()
  })
  await once(socket, "close")
  expect(text).toMatch(/^HTTP\/1\.1 101 .*upgrade: echo\r\n\r\nhello early late$/s)
})

test("another endpoint answers for one that refuses connections", async (t) => {
  const closed = await echo(t)
  const server = createRaw()
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port: gone } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  const port = await run(
    t,
    `upstream u { server 127.0.0.1:${gone}; server 127.0.0.1:${closed}; }
     server { ${LISTEN} location / { proxy_pass http://u; } }`,
  )
  for (let i = 0; i < 4; i++) expect((await get(port, "/", {}, "x")).status).toBe(200)
})

test("$request_body is what came, as long as it is short, and requests are gathered", async (t) => {
  const backend = await echo(t)
  const port = await run(
    t,
    `server { listen 127.0.0.1:1; add_header x-body "<$request_body>" always;
       location / { proxy_pass http://127.0.0.1:${backend}; }
       location /page { error_page 404 /short; return 404; }
       location /stream { proxy_request_buffering off; proxy_pass http://127.0.0.1:${backend}; }
       location /text { return 200 text; } }`,
  )
  const long = "x".repeat(8000)
  const chunked = { "transfer-encoding": "chunked" }
  const cases: [path: string, headers: Record<string, string>, body: string, kept: string][] = [
    ["/", {}, "name=a&b", "name=a&b"],
    ["/", {}, "", ""],
    ["/", chunked, long, long],
    ["/", {}, "x".repeat(16_385), ""],
    ["/", {}, "a\r\nb: c", "a%0D%0Ab: c"],
    ["/page", {}, "a", "a"],
    ["/stream", {}, "a", ""],
    ["/text", {}, "a", ""],
  ]
  for (const [path, headers, body, kept] of cases)
    expect([path, (await get(port, path, headers, body)).headers["x-body"]]).toEqual([path, `<${kept}>`])
})
