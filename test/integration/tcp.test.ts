/** `stream {}`: TCP sessions through a balancer, on real sockets. */
import type { Socket } from "node:net"
import { expect, test } from "vitest"
import { eventually } from "../support/eventually.ts"
import { closedPort, TcpBed, tcpServer } from "../support/tcp-bed.ts"

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
