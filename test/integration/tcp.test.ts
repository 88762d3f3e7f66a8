/** `stream {}`: TCP sessions through a balancer, on real sockets. */
import { once } from "node:events"
import { connect, type NetConnectOpts, type Socket } from "node:net"
import { Duplex } from "node:stream"
import { type ConnectionOptions, connect as connectTls, createSecureContext, TLSSocket } from "node:tls"
import { expect, test } from "vitest"
import { type Condition, parseFilter } from "../../src/balancer/live/stream-filter.ts"
import { findStreams, type PlacedRow } from "../../src/balancer/live/stream-query.ts"
import { Certificate } from "../support/certificates.ts"
import { eventually } from "../support/eventually.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { closedPort, TcpBed, tcpServer } from "../support/tcp-bed.ts"
import { EchoBackend, echoClient } from "../support/test-bed.ts"

/** The ClientHello that OpenSSL sends for a name. */
async function helloFor(servername: string): Promise<Buffer> {
  const sent: Buffer[] = []
  const wire = new Duplex({
    read() {},
    write(octets: Buffer, _encoding, done) {
      sent.push(octets)
      done()
    },
  })
  const client = connectTls({ socket: wire, servername })
  client.on("error", () => {})
  await new Promise((resolve) => setImmediate(resolve))
  client.destroy()
  return Buffer.concat(sent)
}

/** Answers with what came, and its end with an end. */
function echo(socket: Socket): void {
  socket.on("data", (octets) => socket.write(octets))
  socket.on("end", () => socket.end("."))
}

test("octets, ends and the log of a session", async (t) => {
  const backend = await tcpServer(t, echo)
  const bed = await TcpBed.start(
    t,
    `log_format main '$remote_addr $protocol $status $bytes_received $bytes_sent $upstream_addr
       $upstream_bytes_sent $upstream_bytes_received';
     server { listen SOCKET; access_log LOG main; proxy_pass 127.0.0.1:${backend}; }`,
  )
  const client = bed.client()
  client.socket.write("hello")
  await client.hears("hello")
  client.socket.end(" bye")
  expect(await client.rest()).toBe("hello bye.")
  const [record] = await bed.ended()
  expect(record).toMatchObject({ status: 200, requestOctets: 9, responseOctets: 10 })
  expect(bed.log()).toBe(`unix: TCP 200 9 10 127.0.0.1:${backend}\n       9 10\n`)
})

test("an abort of the endpoint is one of the client's connection, and the other way round", async (t) => {
  const sockets: Socket[] = []
  const backend = await tcpServer(t, (socket) => {
    sockets.push(socket)
    socket.resume()
  })
  const bed = await TcpBed.start(t, `server { listen 127.0.0.1:1; proxy_pass 127.0.0.1:${backend}; }`)
  const first = bed.client()
  await eventually(
    () => sockets.length === 1,
    () => "the endpoint is connected",
  )
  sockets[0]!.resetAndDestroy()
  await eventually(
    () => first.closed === "reset",
    () => "the client is reset",
  )
  const second = bed.client()
  await eventually(
    () => sockets.length === 2,
    () => "the endpoint is connected",
  )
  let error = ""
  sockets[1]!.on("error", ({ code }: NodeJS.ErrnoException) => (error = code!))
  second.socket.resetAndDestroy()
  await eventually(
    () => error === "ECONNRESET",
    () => "the endpoint is reset",
  )
  expect(await bed.ended(2)).toMatchObject([{ status: 200 }, { status: 200 }])
})

test("an endpoint that refuses: the next is tried, and 502 when none is left", async (t) => {
  const backend = await tcpServer(t, echo)
  const closed = await closedPort()
  const bed = await TcpBed.start(
    t,
    `upstream some { server 127.0.0.1:${closed} max_fails=0; server 127.0.0.1:${backend}; }
     server { listen SOCKET; proxy_pass some; }`,
  )
  for (let i = 0; i < 2; i++) {
    const client = bed.client()
    client.socket.end("x")
    expect(await client.rest()).toBe("x.")
  }
  const tried = (await bed.ended(2)).map(({ attempts }) => attempts.map(({ address }) => address))
  expect(tried.flat().filter((address) => address.endsWith(String(closed)))).not.toEqual([])

  const alone = await TcpBed.start(t, `server { listen SOCKET; proxy_pass 127.0.0.1:${closed}; }`)
  const client = alone.client()
  expect(await client.rest()).toBe("")
  expect(await alone.ended()).toMatchObject([{ status: 502 }])
})

test.for(["connect", "first_byte", "last_byte"])(
  "least_time %s: a slow endpoint gets one",
  async (until, t) => {
    const own = await (await Certificate.root("CN=root")).issue({ names: ["db.example"] })
    const secureContext = createSecureContext({ cert: own.pem, key: own.key })
    const clock = new ManualClock()
    // A second passes at a slow endpoint where it is looked for: in the handshake, before the answer or after it.
    const endpoint = (isSlow: boolean): Promise<number> =>
      tcpServer(t, (raw) => {
        const pass = (at: string): void => void (isSlow && at === until && clock.advance(1000))
        const SNICallback = (_: string, done: (error: null, context: typeof secureContext) => void): void => {
          pass("connect")
          done(null, secureContext)
        }
        const socket = new TLSSocket(raw, { isServer: true, secureContext, SNICallback })
        socket.on("error", () => {})
        socket.on("data", (octets: Buffer) => {
          const isLast = octets.toString().endsWith("2")
          pass(isLast ? "last_byte" : "first_byte")
          if (isLast) socket.end(isSlow ? "slow" : "fast")
          else socket.write("1")
        })
      })
    const bed = await TcpBed.start(
      t,
      `upstream u { least_time ${until}; server 127.0.0.1:${await endpoint(true)}; server 127.0.0.1:${await endpoint(false)}; }
     server { listen SOCKET; proxy_pass u; proxy_ssl on; proxy_ssl_server_name on; proxy_ssl_name db.example; }`,
      {},
      clock,
    )
    const seen: string[] = []
    for (let i = 0; i < 6; i++) {
      const client = bed.client()
      client.socket.write("1")
      await client.hears("1")
      client.socket.end("2")
      seen.push(await client.rest())
      await bed.ended(i + 1)
    }
    expect(seen.filter((said) => said === "1slow")).toHaveLength(1)
    expect(seen.filter((said) => said === "1fast")).toHaveLength(5)
  },
)

test("a gRPC client through TCP: many streams on one connection, and its own end", async (t) => {
  const backend = new EchoBackend("grpc")
  await backend.start()
  t.onTestFinished(() => backend.close())
  const bed = await TcpBed.start(t, `server { listen 127.0.0.1:1; proxy_pass 127.0.0.1:${backend.port}; }`)
  const client = echoClient(bed.balancer.addresses[0]!.port!)
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, i) =>
      (await client.unary(Buffer.from(`call ${i}`))).message?.toString(),
    ),
  )
  expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => `call ${i}`))
  expect(bed.balancer.snapshot().streams).toHaveLength(1)
  client.close()
  await bed.ended()
})

test("a reader that stops is waited for, and little is held; then all of it comes", async (t) => {
  const octets = 64 * 1024 * 1024
  const piece = Buffer.alloc(1024 * 1024, "x")
  let sent = 0
  const backend = await tcpServer(t, (socket) => {
    const send = (): void => {
      while (sent < octets) {
        sent += piece.length
        if (!socket.write(piece)) return void socket.once("drain", send)
      }
      socket.end()
    }
    send()
  })
  const bed = await TcpBed.start(t, `server { listen SOCKET; proxy_pass 127.0.0.1:${backend}; }`)
  const client = connect({ ...bed.where } as NetConnectOpts)
  t.onTestFinished(() => void client.destroy())
  client.pause()
  const held = (): number => bed.balancer.snapshot().bufferedOctets
  await eventually(
    () => held() > 0,
    () => "octets are held",
  )
  let last = -1
  await eventually(
    () => sent === last || (last = sent) < 0,
    () => "the endpoint cannot send on",
  )
  expect(held()).toBeLessThanOrEqual(64 * 1024)
  expect(sent).toBeLessThan(octets)
  let got = 0
  client.on("data", (came: Buffer) => (got += came.length))
  client.resume()
  await once(client, "end")
  expect(got).toBe(octets)
  client.end()
  await bed.ended()
  expect(held()).toBe(0)
})

test("rates, each way", async (t) => {
  const backend = await tcpServer(t, echo)
  const bed = await TcpBed.start(
    t,
    `server { listen SOCKET; proxy_pass 127.0.0.1:${backend}; proxy_upload_rate 64k; proxy_download_rate 2k; }`,
  )
  const began = performance.now()
  const client = bed.client()
  client.socket.end("x".repeat(5000))
  expect(await client.rest()).toBe(`${"x".repeat(5000)}.`)
  // No less: what comes later depends on the machine.
  expect(performance.now() - began).toBeGreaterThan(1000)
})

test("the local address and the name of the endpoint's certificate by variables", async (t) => {
  const own = await (await Certificate.root("CN=root")).issue({ names: ["db.example"] })
  const secureContext = createSecureContext({ cert: own.pem, key: own.key })
  const seen: unknown[] = []
  const backend = await tcpServer(t, (raw) => {
    const SNICallback = (name: string, done: (error: null, context: typeof secureContext) => void): void => {
      seen.push(raw.remoteAddress, name)
      done(null, secureContext)
    }
    const socket = new TLSSocket(raw, { isServer: true, secureContext, SNICallback })
    socket.on("error", () => {})
    socket.on("data", (octets: Buffer) => socket.end(octets))
  })
  const bed = await TcpBed.start(
    t,
    `server { listen SOCKET; set $from 127.0.0.5; proxy_bind $from; proxy_ssl on; proxy_ssl_server_name on;
       proxy_ssl_name db.$from.example:443; proxy_pass 127.0.0.1:${backend}; }`,
  )
  const client = bed.client()
  client.socket.write("x")
  expect(await client.rest()).toBe("x")
  expect(seen).toEqual(["127.0.0.5", "db.127.0.0.5.example"])
})

test("TLS both ways, a client certificate, and what variables say of it", async (t) => {
  const root = await Certificate.root("CN=root")
  const own = await root.issue({ names: ["one.example"] })
  const alice = await root.issue({ subject: "CN=alice" })
  const bed = await TcpBed.start(
    t,
    `server {
       listen 127.0.0.1:1 ssl; ssl_certificate own.pem; ssl_certificate_key own.key; ssl_alpn db;
       ssl_verify_client on; ssl_client_certificate root.pem;
       return "$ssl_client_s_dn $ssl_protocol $ssl_server_name $ssl_alpn_protocol";
     }`,
    { "own.pem": own.pem, "own.key": own.key, "root.pem": root.pem },
  )
  const shaken = async (keys: { cert?: string; key?: string }): Promise<string> => {
    const options = { ...bed.where, servername: "one.example", ca: root.pem, ALPNProtocols: ["db"], ...keys }
    const socket = connectTls(options as ConnectionOptions)
    t.onTestFinished(() => void socket.destroy())
    let text = ""
    socket.on("error", () => {})
    socket.on("data", (octets: Buffer) => (text += octets))
    await new Promise((resolve) => socket.once("close", resolve))
    return text
  }
  expect(await shaken({ cert: alice.pem, key: alice.key })).toBe("CN=alice TLSv1.3 one.example db")
  expect(await shaken({})).toBe("")
  expect((await bed.ended(2)).map(({ status }) => status)).toEqual([200, 500])
})

test("the PROXY protocol's header goes before TLS to the endpoint", async (t) => {
  const own = await (await Certificate.root("CN=root")).issue({ names: ["db.example"] })
  const secureContext = createSecureContext({ cert: own.pem, key: own.key })
  let header = ""
  const backend = await tcpServer(t, (raw) => {
    raw.once("data", (octets: Buffer) => {
      raw.pause()
      const end = octets.indexOf("\r\n") + 2
      header = octets.toString("latin1", 0, end)
      if (octets.length > end) raw.unshift(octets.subarray(end))
      const socket = new TLSSocket(raw, { isServer: true, secureContext })
      socket.on("error", () => {})
      socket.on("data", (said: Buffer) => socket.end(`heard ${String(said)}`))
    })
  })
  const bed = await TcpBed.start(
    t,
    `server { listen 127.0.0.1:1; proxy_protocol on; proxy_ssl on; proxy_pass 127.0.0.1:${backend}; }`,
  )
  const client = bed.client()
  client.socket.write("plain")
  expect(await client.rest()).toBe("heard plain")
  expect(header).toMatch(/^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n$/)
})

test("without half-closes, what an endpoint still says after its client's end harms no one", async (t) => {
  const backend = await tcpServer(t, (socket) => {
    const more = (): void => void (socket.writable && socket.write("x".repeat(65_536), more))
    more()
    socket.resume()
  })
  const bed = await TcpBed.start(
    t,
    `server { listen SOCKET; proxy_half_close off; proxy_pass 127.0.0.1:${backend}; }`,
  )
  const client = bed.client()
  await client.hears("x")
  client.socket.end()
  await client.rest()
  expect(await bed.ended()).toMatchObject([{ status: 200 }])
})

test("servers by name, where TLS is looked into", async (t) => {
  const backend = async (name: string) => await tcpServer(t, (socket) => void socket.end(name))
  const bed = await TcpBed.start(
    t,
    `ssl_preread on;
     server { listen SOCKET; server_name one.example *.one.example; proxy_pass 127.0.0.1:${await backend("one")}; }
     server { listen SOCKET default_server; server_name two.example; proxy_pass 127.0.0.1:${await backend("two")}; }`,
  )
  const ask = async (servername: string): Promise<string> => {
    const client = bed.client()
    client.socket.write(await helloFor(servername))
    return await client.rest()
  }
  expect(await ask("one.example")).toBe("one")
  expect(await ask("A.one.example")).toBe("one")
  expect(await ask("two.example")).toBe("two")
  expect(await ask("three.example")).toBe("two")
})

test("groups of a server's name are variables", async (t) => {
  const bed = await TcpBed.start(
    t,
    `ssl_preread on;
     map $which $said { hostnames; one first; default "$which $2"; }
     server { listen SOCKET; return other; }
     server { listen SOCKET; server_name plain.example ~^(?<which>[a-z]+)\\.(t|p)wo\\.example$ ~plain; return $said; }`,
  )
  const ask = async (servername: string): Promise<string> => {
    const client = bed.client()
    client.socket.write(await helloFor(servername))
    return await client.rest()
  }
  expect(await ask("one.two.example")).toBe("first")
  expect(await ask("X.pwo.example")).toBe("x p")
  expect(await ask("plain.example")).toBe(" ")
  expect(await ask("x.example")).toBe("other")
})

test("a reload: sessions go on, new ones go where it says, and a listener that is gone lets its sessions live", async (t) => {
  const first = await tcpServer(t, echo)
  const second = await tcpServer(t, (socket) => void socket.end("second"))
  const bed = await TcpBed.start(t, `server { listen 127.0.0.1:1; proxy_pass 127.0.0.1:${first}; }`)
  const client = bed.client()
  client.socket.write("a")
  await client.hears("a")
  await bed.reload(`server { listen 127.0.0.1:1; proxy_pass 127.0.0.1:${second}; }`)
  expect(await bed.client().rest()).toBe("second")
  client.socket.write("b")
  await client.hears("ab")
  await bed.reload("server { listen SOCKET; return x; }")
  client.socket.end("c")
  expect(await client.rest()).toBe("abc.")
})

test("drains: of the endpoint no session ends; of the process they have its grace", async (t) => {
  const backend = await tcpServer(t, echo)
  const bed = await TcpBed.start(
    t,
    `upstream u { server 127.0.0.1:${backend}; server 127.0.0.1:${await closedPort()} backup; }
     server { listen SOCKET; proxy_pass u; }`,
  )
  const client = bed.client()
  client.socket.write("a")
  await client.hears("a")
  bed.balancer.states!.order("u", `127.0.0.1:${backend}`, { drain: true, graceMs: 0 })
  expect(await bed.client().rest()).toBe("")
  client.socket.write("b")
  await client.hears("ab")
  const closed = bed.balancer.close({ graceMs: 60_000 })
  client.socket.write("c")
  await client.hears("abc")
  client.socket.end()
  await closed
  expect(bed.records.map(({ status }) => status)).toEqual([502, 200])
})

test("lists, filters and orders know sessions", async (t) => {
  const backend = await tcpServer(t, echo)
  const bed = await TcpBed.start(t, `server { listen 127.0.0.1:1; proxy_pass 127.0.0.1:${backend}; }`)
  const client = bed.client()
  client.socket.write("abc")
  await client.hears("abc")
  const rows: PlacedRow[] = []
  const query = {
    conditions: parseFilter("protocol:tcp bytes:>5") as Condition[],
    sort: "age",
    isDescending: false,
  }
  const time = { nowMs: performance.now(), startMs: 0, thread: 1 }
  const search = findStreams(
    bed.balancer.clientConnections,
    { ...query, sort: "age", after: null, limit: 10 },
    () => time,
    (found) => rows.push(...found),
  )
  while (search.next().done !== true) {
    // Until all of it is told.
  }
  expect(rows.map(({ row }) => row)).toMatchObject([
    { protocol: "TCP", endpoint: `127.0.0.1:${backend}`, requestBytes: 3, responseBytes: 3, waitsFor: null },
  ])
  const [connection, request] = rows[0]!.row.id.split("-").map(Number) as [number, number]
  const order = { kind: "end-stream", connection, request, grpcStatus: 14, message: "" } as const
  expect(bed.balancer.orders.obey(order)).toBe(1)
  await client.rest()
  expect(await bed.ended()).toMatchObject([{ status: 200 }])
})

test("an endpoint that fails is ejected for its time, and what is sent to probe it is nothing", async (t) => {
  let connections = 0
  const backend = await tcpServer(t, (socket) => {
    connections++
    socket.end("up")
  })
  const closed = await closedPort()
  const bed = await TcpBed.start(
    t,
    `upstream u { server 127.0.0.1:${closed} max_fails=1 fail_timeout=1h; server 127.0.0.1:${backend}; }
     server { listen SOCKET; proxy_pass u; }`,
  )
  for (let i = 0; i < 6; i++) expect(await bed.client().rest()).toBe("up")
  const tried = (await bed.ended(6)).flatMap(({ attempts }) => attempts.map(({ address }) => address))
  expect(tried.filter((address) => address.endsWith(`:${closed}`))).toHaveLength(1)
  expect(connections).toBe(6)
})
