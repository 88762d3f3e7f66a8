import { EventEmitter } from "node:events"
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { describe, expect, test } from "vitest"
import { ClientBed, type ClientBedOptions } from "../../../test/support/client-bed.ts"
import { FakeLink } from "../../../test/support/fake-link.ts"
import { defaultListener } from "../../config/defaults.ts"
import type { ListenerConfig } from "../../config/model.ts"
import type { LinkUser } from "../../net/link.ts"
import type { OnOctets } from "../../net/shared-read.ts"
import type { TlsInfo } from "../../record/record.ts"
import type { PacedStream } from "../pacing/pacer.ts"
import type { ClientConnection } from "./client-connection.ts"
import { Clients } from "./clients.ts"
import { connectionRecord } from "./connection-record.ts"
import type { OpenListener } from "./listener-view.ts"

/** A socket of a client. */
class FakeSocket extends EventEmitter {
  remoteAddress: string | undefined
  remotePort: number | undefined = 4000
  localAddress: string | undefined = "192.0.2.80"
  localPort: number | undefined = 80
  isDestroyed = false
  alpnProtocol: string | false = false
  _parent: unknown
  _handle: unknown = null

  constructor(remoteAddress: string | undefined = "192.0.2.1") {
    super()
    this.remoteAddress = remoteAddress
  }

  destroy(): void {
    this.isDestroyed = true
  }

  get asSocket(): Socket {
    return this as unknown as Socket
  }

  get asTls(): TLSSocket {
    return this as unknown as TLSSocket
  }
}

const TLS: TlsInfo = {
  protocol: "TLSv1.3",
  cipher: "TLS_AES_128_GCM_SHA256",
  clientSubject: "",
  clientVerify: "NONE",
  clientRefused: null,
}

/** Clients of a balancer, on sockets and links that are scripts. */
function bedOf(options: ClientBedOptions = {}) {
  const bed = new ClientBed(options)
  const links: FakeLink[] = []
  const lines: string[] = []
  let ids = 0
  let handshakesEnded = 0
  const http1 = (of: { record: unknown; openListener: OpenListener; link: { use(user: unknown): void } }) => {
    const connection = {
      record: of.record,
      openListener: of.openListener,
      streams: [],
      receive: (octets: Buffer, start: number, end: number) =>
        lines.push(`http1 ${octets.toString("latin1", start, end).split("\r")[0]}`),
      tick: () => lines.push("http1 tick"),
      drain: () => lines.push("http1 drain"),
    }
    of.link.use(connection)
    return connection as unknown as ClientConnection & LinkUser
  }
  const clients = new Clients({
    context: bed.shared.context,
    openStream: bed.options.openStream,
    http1: http1 as never,
    link: () => {
      const link = new FakeLink("server")
      links.push(link)
      return link.asLink
    },
    nextConnectionId: () => ++ids,
    onConnect: ({ id, remoteAddress }) => lines.push(`connect ${id} ${remoteAddress}`),
    onDisconnect: ({ id }) => lines.push(`disconnect ${id}`),
    onHandshakeEnd: () => handshakesEnded++,
  })
  let onOctets: OnOctets = () => {}
  const accept = (socket = new FakeSocket(), listener = bed.listener): FakeSocket => {
    clients.accept(listener, (given) => {
      onOctets = given
      return socket.asSocket
    })
    return socket
  }
  const receive = (text: string): void => onOctets(Buffer.from(`${text}###`), text.length)
  const take = (): string[] => lines.splice(0)
  return { bed, clients, links, accept, receive, take, handshakesEnded: () => handshakesEnded }
}

/** A listener of its own. */
function listenerOf(bed: ClientBed, changes: Partial<ListenerConfig> = {}): OpenListener {
  return { ...bed.listener, config: { ...bed.listener.config, ...changes } }
}

describe("a client that is accepted", () => {
  test("is counted, told of, and read from the next turn on", () => {
    const { bed, clients, accept, receive, take } = bedOf()
    accept()
    expect(take()).toEqual(["connect 1 192.0.2.1"])
    expect(clients.connections.size).toBe(1)
    const [first] = clients.connections
    receive("GET / HTTP/1.1\r\n")
    expect(take()).toEqual(["http1 GET / HTTP/1.1"])
    expect(clients.connections.size).toBe(1)
    expect(clients.connections.has(first!)).toBe(false)
    expect(bed.link.lines).toEqual([])
  })

  test("and speaks HTTP/2 is served in it", () => {
    const { clients, accept, receive, links } = bedOf()
    accept()
    receive("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    expect(links[0]!.said()[0]).toBe("SETTINGS")
    expect(clients.connections.size).toBe(1)
  })

  test("and goes is told of once it is gone", () => {
    const { clients, accept, links, take } = bedOf()
    accept()
    take()
    links[0]!.user!.receiveEnd("gone")
    expect(take()).toEqual(["disconnect 1"])
    expect(clients.connections.size).toBe(0)
  })

  test("is looked at once a second, its age too", () => {
    const { bed, clients, accept, receive, take } = bedOf({ listener: { maxConnectionAgeMs: 10_000 } })
    accept()
    receive("GET / HTTP/1.1\r\n")
    take()
    clients.tick(bed.nowMs)
    expect(take()).toEqual(["http1 tick"])
    clients.tick(bed.nowMs + 20_000)
    expect(take()).toEqual(["http1 tick", "http1 drain"])
  })

  test("has no age once it is gone", () => {
    const { bed, clients, accept, links } = bedOf({ listener: { maxConnectionAgeMs: 10_000 } })
    accept()
    const [connection] = clients.connections
    links[0]!.user!.receiveEnd("gone")
    let drains = 0
    clients.add({ ...connection, record: connection!.record, tick() {}, drain: () => drains++ } as never)
    clients.tick(bed.nowMs + 20_000)
    expect(drains).toBe(0)
  })
})

describe("how many may come", () => {
  test("in all: one more is closed and counted, and a place is free again", () => {
    const { bed, clients, accept } = bedOf({ limits: { connectionsMax: 2 } })
    const first = accept()
    accept()
    expect(accept().isDestroyed).toBe(true)
    expect(bed.limit("connections_exceeded")).toBe(1)
    expect(bed.shared.log.saying("limit reached: connections_exceeded")).toEqual([
      { client: "192.0.2.1:4000", limit: "connectionsMax", most: 2 },
    ])
    expect(clients.connections.size).toBe(2)
    first.emit("close")
    expect(accept().isDestroyed).toBe(false)
    expect(accept().isDestroyed).toBe(true)
    expect(bed.limit("connections_exceeded")).toBe(2)
    expect(bed.limit("connections_per_address_exceeded")).toBe(0)
  })

  test("of one address, and others are not touched by it", () => {
    const { bed, accept } = bedOf({ limits: { connectionsPerAddressMax: 2 } })
    const sockets = [accept(), accept()]
    expect(accept().isDestroyed).toBe(true)
    expect(accept(new FakeSocket("192.0.2.2")).isDestroyed).toBe(false)
    expect(bed.limit("connections_per_address_exceeded")).toBe(1)
    expect(bed.shared.log.saying("limit reached: connections_per_address_exceeded")).toEqual([
      { client: "192.0.2.1:4000", limit: "connectionsPerAddressMax", most: 2 },
    ])
    expect(bed.limit("connections_exceeded")).toBe(0)
    sockets[0]!.emit("close")
    sockets[0]!.emit("close")
    expect(accept().isDestroyed).toBe(false)
    expect(accept().isDestroyed).toBe(true)
    for (const socket of sockets) socket.emit("close")
  })

  test("on a Unix socket, whose clients have no address: as many as may in all", () => {
    const { accept } = bedOf({ limits: { connectionsPerAddressMax: 1 } })
    accept(new FakeSocket(undefined))
    const socket = new FakeSocket()
    socket.remoteAddress = undefined
    expect(accept(socket).isDestroyed).toBe(false)
    const another = new FakeSocket()
    another.remoteAddress = undefined
    expect(accept(another).isDestroyed).toBe(false)
  })

  test("while descriptors last: a high number says that all below are in use", () => {
    const { bed, accept } = bedOf()
    const socket = new FakeSocket("192.0.2.5")
    socket._handle = { fd: Number.MAX_SAFE_INTEGER }
    socket.remotePort = undefined
    bed.shared.context.descriptors.isLow = () => true
    expect(accept(socket).isDestroyed).toBe(true)
    expect(bed.limit("descriptors_exhausted")).toBe(1)
    expect(bed.shared.log.saying("limit reached: descriptors_exhausted")).toMatchObject([
      { client: "192.0.2.5:0" },
    ])
    expect(bed.limit("connections_exceeded")).toBe(0)
  })

  test("a socket that is turned away may break without harm", () => {
    const { accept } = bedOf({ limits: { connectionsMax: 1 } })
    accept()
    const socket = accept()
    expect(() => socket.emit("error", new Error("reset"))).not.toThrow()
  })
})

describe("a TLS handshake", () => {
  test.each<[string | false, string]>([
    ["h2", "SETTINGS"],
    ["http/1.1", ""],
    [false, ""],
  ])("that agrees on %s is served in it", (alpn, said) => {
    const { bed, clients, links, take, handshakesEnded } = bedOf()
    const raw = new FakeSocket()
    expect(clients.admitHandshake(bed.listener, raw.asSocket)).toBe(true)
    expect(clients.handshakes.get(raw.asSocket)).toBe(bed.listener)
    const socket = new FakeSocket()
    socket._parent = raw
    socket.alpnProtocol = alpn
    clients.onTlsHandshakeDone(undefined, socket.asTls, TLS)
    expect(take()).toEqual(["connect 1 192.0.2.1"])
    expect([clients.handshakes.size, handshakesEnded()]).toEqual([0, 1])
    const [connection] = clients.connections
    expect(connection!.record.tls).toBe(TLS)
    expect(connection!.openListener).toBe(bed.listener)
    if (said !== "") expect(links[0]!.said()[0]).toBe(said)
    socket.emit("data", Buffer.from("GET / HTTP/1.1\r\n"))
    expect(take()).toEqual(alpn === "h2" ? ["disconnect 1"] : ["http1 GET / HTTP/1.1"])
  })

  test("whose socket is not known goes by the listener of that name, if it is there", () => {
    const { bed, clients, take, handshakesEnded } = bedOf()
    const [known, unknown] = [new FakeSocket(), new FakeSocket()]
    clients.onTlsHandshakeDone(bed.listener, known.asTls, TLS)
    expect(take()).toEqual(["connect 1 192.0.2.1"])
    clients.onTlsHandshakeDone(undefined, unknown.asTls, TLS)
    expect(take()).toEqual([])
    expect([known.isDestroyed, unknown.isDestroyed]).toEqual([false, true])
    expect(handshakesEnded()).toBe(0)
  })

  test("that breaks is over", () => {
    const { bed, clients, handshakesEnded } = bedOf()
    const raw = new FakeSocket()
    clients.admitHandshake(bed.listener, raw.asSocket)
    raw.emit("close")
    expect([clients.handshakes.size, handshakesEnded()]).toEqual([0, 1])
  })

  test("of one client too many does not begin", () => {
    const { bed, clients } = bedOf({ limits: { connectionsMax: 1 } })
    clients.admitHandshake(bed.listener, new FakeSocket().asSocket)
    const socket = new FakeSocket()
    expect(clients.admitHandshake(bed.listener, socket.asSocket)).toBe(false)
    expect(socket.isDestroyed).toBe(true)
    expect(clients.handshakes.has(socket.asSocket)).toBe(false)
  })

  test("that never was: a client which speaks HTTP without TLS is told so, once", () => {
    const { bed, clients, take, handshakesEnded } = bedOf({ listener: { proxyProtocol: true } })
    const socket = new FakeSocket()
    clients.admitHandshake(bed.listener, socket.asSocket)
    clients.acceptWithoutTls(undefined, socket.asSocket, Buffer.from("GET / HT"))
    expect([clients.handshakes.size, handshakesEnded()]).toEqual([0, 1])
    const [connection] = clients.connections
    expect(connection!.openListener.config).toMatchObject({
      maxRequestsPerConnection: 1,
      proxyProtocol: false,
    })
    socket.emit("data", Buffer.from("TP/1.1\r\n"))
    expect(take()).toEqual(["connect 1 192.0.2.1", "http1 GET / HTTP/1.1"])
  })

  test("that never was, on a listener that is gone", () => {
    const { clients, take } = bedOf()
    const socket = new FakeSocket()
    clients.acceptWithoutTls(undefined, socket.asSocket, Buffer.from("GET / HTTP/1.1\r\n"))
    expect(socket.isDestroyed).toBe(true)
    expect(take()).toEqual([])
  })
})

test("a TLS client whose raw socket is not known is served by the listener of that name, and no handshake ends", () => {
  const { bed, clients, take, handshakesEnded } = bedOf()
  const socket = new FakeSocket()
  socket._parent = new FakeSocket()
  clients.onTlsHandshakeDone(bed.listener, socket.asTls, TLS)
  expect([take(), handshakesEnded()]).toEqual([["connect 1 192.0.2.1"], 0])
  const plain = new FakeSocket()
  clients.acceptWithoutTls(bed.listener, plain.asSocket, Buffer.from("GET / HTTP/1.1\r\n"))
  expect([take()[0], plain.isDestroyed]).toEqual(["connect 2 192.0.2.1", false])
})

test("TLS that agrees on HTTP/1.1 is served in it at once, on none by its first octets", () => {
  const served = (alpn: string | false): string[] => {
    const { bed, clients, take } = bedOf()
    const socket = new FakeSocket()
    socket.alpnProtocol = alpn
    clients.onTlsHandshakeDone(bed.listener, socket.asTls, TLS)
    take()
    // No request, and no preface either.
    socket.emit("data", Buffer.from("\0"))
    return take()
  }
  expect(served("http/1.1")).toEqual(["http1 \0"])
  expect(served(false)).toEqual(["disconnect 1"])
})

test("how many an address has open is counted down to none", () => {
  const { bed, accept } = bedOf({ limits: { connectionsPerAddressMax: 1 } })
  for (let times = 0; times < 3; times++) {
    const socket = accept()
    expect(socket.isDestroyed).toBe(false)
    expect(accept().isDestroyed).toBe(true)
    socket.emit("close")
  }
  expect(bed.limit("connections_per_address_exceeded")).toBe(3)
})

test("a client that is turned away is named with its port", () => {
  const { bed, accept } = bedOf()
  bed.shared.context.descriptors.isLow = () => true
  accept()
  expect(bed.shared.log.saying("limit reached: descriptors_exhausted")).toMatchObject([
    { client: "192.0.2.1:4000" },
  ])
})

describe("a listener that drains", () => {
  /** One client of each of two listeners, whose requests have begun. */
  const two = () => {
    const all = bedOf()
    const other = listenerOf(all.bed, { name: "other" })
    all.accept()
    all.receive("GET /a HTTP/1.1\r\n")
    all.accept(new FakeSocket(), other)
    all.receive("GET /b HTTP/1.1\r\n")
    all.take()
    return { ...all, other }
  }

  test("tells its clients to go, those of others stay", () => {
    const { bed, clients, other, take } = two()
    clients.drain(other)
    expect(take()).toEqual(["http1 drain"])
    expect([clients.isGone(other), clients.isGone(bed.listener)]).toEqual([true, false])
  })

  test("serves clients that come still, and lets them go", () => {
    const { bed, clients, accept, receive, take } = two()
    clients.drain(bed.listener)
    take()
    accept()
    receive("GET /c HTTP/1.1\r\n")
    expect(take().slice(1)).toEqual(["http1 GET /c HTTP/1.1", "http1 drain"])
  })

  test("and takes clients again serves new ones as ever", () => {
    const { bed, clients, accept, receive, take } = two()
    clients.drain(bed.listener)
    clients.resume(bed.listener)
    expect(clients.isGone(bed.listener)).toBe(false)
    take()
    accept()
    receive("GET /c HTTP/1.1\r\n")
    expect(take().slice(1)).toEqual(["http1 GET /c HTTP/1.1"])
  })

  test("all of them: no client is accepted any more", () => {
    const { bed, clients, accept, take } = two()
    clients.close()
    expect(clients.isGone(bed.listener)).toBe(true)
    expect(accept().isDestroyed).toBe(true)
    expect(take()).toEqual([])
    expect(bed.limit("connections_exceeded")).toBe(0)
  })
})

test("streams are those at an endpoint, of one listener or of all", () => {
  const { bed, clients, take } = bedOf()
  const paced = (name: string): PacedStream => ({ name }) as unknown as PacedStream
  const connection = (id: number, openListener: OpenListener, streams: (PacedStream | null)[]) =>
    ({
      record: { id, remoteAddress: "a" },
      openListener,
      streams: streams.map((one) => ({ paced: one })),
    }) as unknown as ClientConnection
  const other = listenerOf(bed)
  const first = connection(7, bed.listener, [paced("a"), null, paced("b")])
  const second = connection(8, other, [paced("c")])
  clients.add(first)
  clients.add(second)
  expect(take()).toEqual(["connect 7 a", "connect 8 a"])
  expect(clients.streamsOf(bed.listener)).toEqual([paced("a"), paced("b")])
  expect(clients.streamsOf(other)).toEqual([paced("c")])
  expect(clients.allStreams()).toEqual([paced("a"), paced("b"), paced("c")])
  clients.remove(first)
  expect(take()).toEqual(["disconnect 7"])
  expect(clients.allStreams()).toEqual([paced("c")])
})

describe("what is known of a client", () => {
  const address = (host: string | null, port: number | null, unixPath: string | null = null) =>
    defaultListener({ text: "l", host, port, unixPath } as never)
  const socket = (changes: Partial<FakeSocket> = {}): Socket =>
    Object.assign(new FakeSocket(), { localAddress: "10.0.0.9", localPort: 8081 }, changes).asSocket
  const local = (listener: ListenerConfig, of = socket()) => {
    const { localAddress, localPort } = connectionRecord(1, 500, listener, of, null)
    return `${localAddress} ${localPort}`
  }

  test.each<[string, ListenerConfig, string]>([
    ["a listener of one address and port knows", address("127.0.0.1", 80), "127.0.0.1 80"],
    ["one of all addresses asks the socket", address("0.0.0.0", 80), "10.0.0.9 8081"],
    ["one by name asks too", address("localhost", 80), "10.0.0.9 8081"],
    ["one whose port the system picks", address("127.0.0.1", 0), "10.0.0.9 8081"],
    ["one of IPv6, which may be written in many ways", address("::1", 80), "10.0.0.9 8081"],
    ["a Unix socket", address(null, null, "/run/s.sock"), "unix:/run/s.sock 8081"],
  ])("its own address: %s", (_, listener, expected) => {
    expect(local(listener)).toBe(expected)
  })

  test("and of one that is gone already nothing is", () => {
    const gone = {
      remoteAddress: undefined,
      remotePort: undefined,
      localAddress: undefined,
      localPort: undefined,
    }
    expect(connectionRecord(1, 500, address("0.0.0.0", 80), socket(gone), null)).toMatchObject({
      remoteAddress: "unix:",
      remotePort: 0,
      localAddress: "",
      localPort: 0,
    })
  })

  test("what it has done so far is nothing, and what came by the PROXY protocol before TLS", () => {
    const proxied = {
      sourceAddress: "203.0.113.7",
      sourcePort: 1,
      destinationAddress: "a",
      destinationPort: 2,
    }
    const record = connectionRecord(9, 500, address("127.0.0.1", 80), socket(), { ...TLS, proxied })
    expect(record).toMatchObject({
      id: 9,
      remotePort: 4000,
      proxied,
      requests: 0,
      cutCalls: 0,
      cutCallsMs: 0,
    })
    expect(connectionRecord(9, 500, address("127.0.0.1", 80), socket(), TLS).proxied).toBe(null)
    expect(record.protocol).toBe("HTTP/2.0")
    expect(connectionRecord(9, 500, address("127.0.0.1", 80), socket(), null, {} as never).protocol).toBe(
      "TCP",
    )
  })
})
