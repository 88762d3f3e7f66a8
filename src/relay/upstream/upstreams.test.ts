import type { Socket } from "node:net"
import { describe, expect, test } from "vitest"
import { CallBed } from "../../../test/support/call-bed.ts"
import { FakeLink } from "../../../test/support/fake-link.ts"
import { settings, settingsAck } from "../../../test/support/frame-dsl.ts"
import type { Connector } from "../../cluster/connectors.ts"
import { Endpoint } from "../../cluster/endpoint.ts"
import type { Pool } from "../../cluster/pool.ts"
import { defaultCluster, defaultEndpoint } from "../../config/defaults.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { Network } from "../../net/network.ts"
import type { TlsUpstream } from "../../net/tls-upstream.ts"
import type { LegConnection } from "./leg-connection.ts"
import type { UpstreamStreamOwner } from "./stream-owner.ts"
import type { UpstreamConnection } from "./upstream.ts"
import { type ConnectSettings, Upstreams } from "./upstreams.ts"

const PLAIN: ConnectSettings = { tls: null, bindAddress: null, socketKeepalive: false }
const HEAD = new HeaderList([":method", "POST", ":scheme", "http", ":path", "/s/m", ":authority", "a"])

/** Connections to endpoints whose sockets are scripts. */
function bedOf() {
  const { context } = new CallBed()
  const lines: string[] = []
  const links: FakeLink[] = []
  const dropped: Connector<LegConnection>[] = []
  const connectBy =
    (name: string) =>
    (_config: unknown, bindAddress: string | null, _onOctets: unknown, said?: string): Socket => {
      lines.push(`${name} from ${bindAddress}${said === undefined ? "" : ` as ${said}`}`)
      return { setKeepAlive: (is: boolean) => lines.push(`keepalive ${is}`) } as unknown as Socket
    }
  const tls = (name: string): TlsUpstream => ({ connect: connectBy(name) }) as unknown as TlsUpstream
  const upstreams = new Upstreams({
    context,
    network: { connect: connectBy("network") } as unknown as Network,
    link: () => {
      const link = new FakeLink("client")
      links.push(link)
      return link.asLink
    },
    names: { max: 2, onDropped: (connector) => void dropped.push(connector) },
    onConnect: () => lines.push("connect"),
    onClosed: () => lines.push("closed"),
  })
  const pool = { connections: [], waiting: 0, settingsReceived() {}, lost() {}, connectFailed() {} }
  const connect = (settings: ConnectSettings, cluster = "c", port = 1): UpstreamConnection => {
    const address = { text: `127.0.0.1:${port}`, host: "127.0.0.1", port, unixPath: null }
    const endpoint = new Endpoint(defaultEndpoint(address))
    const connector = upstreams.connector(settings)
    return connector(
      endpoint,
      pool as unknown as Pool<LegConnection>,
      defaultCluster(cluster),
    ) as UpstreamConnection
  }
  return { upstreams, tls, lines, links, dropped, connect }
}

describe("a connector", () => {
  test("is one for the same settings, and another for any other", () => {
    const { upstreams, tls } = bedOf()
    const one = tls("one")
    const all: ConnectSettings[] = [
      PLAIN,
      { ...PLAIN, bindAddress: "10.0.0.1" },
      { ...PLAIN, socketKeepalive: true },
      { ...PLAIN, tls: one },
      { ...PLAIN, tls: tls("two") },
    ]
    const connectors = all.map((settings) => upstreams.connector(settings))
    expect(new Set(connectors).size).toBe(all.length)
    expect(all.map((settings) => upstreams.connector({ ...settings }))).toEqual(connectors)
    expect(upstreams.plain).toBe(connectors[0])
  })

  test("connects over TLS where its settings say so, from the address that they name, with keepalive", () => {
    const { tls, lines, connect, upstreams } = bedOf()
    const connection = connect(PLAIN)
    expect(lines.splice(0)).toEqual(["network from null", "connect"])
    expect([...upstreams.connections]).toEqual([connection])
    connect({ tls: tls("tls"), bindAddress: "10.0.0.1", socketKeepalive: true })
    expect(lines).toEqual(["tls from 10.0.0.1", "keepalive true", "connect"])
  })

  test("is one for each local address that calls say, of which null is any", () => {
    const { upstreams, lines, connect } = bedOf()
    const of = (localAddress: string | null) => upstreams.connector({ ...PLAIN, localAddress })
    const one = of("10.0.0.1")
    expect(of("10.0.0.1")).toBe(one)
    expect(of(null)).not.toBe(one)
    expect(one).not.toBe(upstreams.connector({ ...PLAIN, bindAddress: "10.0.0.1" }))
    connect({ ...PLAIN, bindAddress: "$a", localAddress: "10.0.0.1" })
    connect({ ...PLAIN, bindAddress: "$a", localAddress: null })
    expect(lines).toEqual(["network from 10.0.0.1", "connect", "network from null", "connect"])
  })

  test("is one for each name that calls say; the one longest unused goes where there are too many", () => {
    const { upstreams, tls, lines, dropped, connect } = bedOf()
    const settings = { ...PLAIN, tls: tls("tls") }
    const of = (serverName: string) => upstreams.connector({ ...settings, serverName })
    const [own, a, b] = [upstreams.connector(settings), of("a"), of("b")]
    expect([of("a") === a, new Set([own, a, b]).size, dropped]).toEqual([true, 3, []])
    const c = of("c")
    expect([dropped, of("a") === a, of("c") === c]).toEqual([[b], true, true])
    expect(of("b")).not.toBe(b)
    expect([dropped, upstreams.connector(settings)]).toEqual([[b, a], own])
    connect({ ...settings, serverName: "b" })
    expect(lines).toEqual(["tls from null as b", "connect"])
    // Those that are gone with their settings are none of the bound's any more.
    expect(upstreams.retireConnectors(settings.tls)).toHaveLength(3)
    const other = { ...PLAIN, tls: tls("other") }
    for (const serverName of ["a", "b"]) upstreams.connector({ ...other, serverName })
    expect(dropped).toEqual([b, a])
  })

  test("is gone with its TLS settings, and those are told that were", () => {
    const { upstreams, tls } = bedOf()
    const [one, two] = [tls("one"), tls("two")]
    const first = upstreams.connector({ ...PLAIN, tls: one })
    const second = upstreams.connector({ ...PLAIN, tls: one, socketKeepalive: true })
    upstreams.connector({ ...PLAIN, tls: two })
    expect(upstreams.retireConnectors(one)).toEqual([first, second])
    expect(upstreams.retireConnectors(one)).toEqual([])
    expect(upstreams.connector({ ...PLAIN, tls: one })).not.toBe(first)
  })
})

test("a connection that is gone is told of once it is, and is no longer one", () => {
  const { upstreams, lines, links, connect } = bedOf()
  connect(PLAIN)
  const other = connect(PLAIN)
  lines.splice(0)
  links[0]!.user!.receiveEnd("gone")
  expect(lines).toEqual(["closed"])
  expect([...upstreams.connections]).toEqual([other])
})

test("live streams are those of a cluster, or of one of its endpoints", () => {
  const { upstreams, links, connect } = bedOf()
  const connections = [connect(PLAIN, "c", 1), connect(PLAIN, "c", 2), connect(PLAIN, "d", 1)]
  const owners = connections.map((connection, at) => {
    links[at]!.send(settings(), settingsAck())
    const owner = { name: `of ${at}` } as unknown as UpstreamStreamOwner
    connection.open(HEAD, false, false, owner)
    return owner
  })
  expect(upstreams.streamsOf("c")).toEqual([owners[0], owners[1]])
  expect(upstreams.streamsAt("c", "127.0.0.1:2")).toEqual([owners[1]])
  expect(upstreams.streamsAt("d", "127.0.0.1:1")).toEqual([owners[2]])
  expect(upstreams.streamsAt("d", "127.0.0.1:2")).toEqual([])
  expect(upstreams.streamsOf("e")).toEqual([])
})
