import type { Socket } from "node:net"
import { describe, expect, test } from "vitest"
import { hostAddress } from "../config/address.ts"
import { defaultListener } from "../config/defaults.ts"
import type { ListenerConfig } from "../config/model.ts"
import type { TakeOver } from "../net/listen.ts"
import type { Network } from "../net/network.ts"
import type { Clients } from "../relay/downstream/clients.ts"
import type { OpenListener } from "../relay/downstream/listener-view.ts"
import type { TcpClients } from "../tcp/tcp-clients.ts"
import type { OpenTcpListener } from "../tcp/tcp-listener.ts"
import type { LiveConfig } from "./config-compiler.ts"
import { Listeners } from "./listeners.ts"

const all = { ...defaultListener(hostAddress("0.0.0.0", 80)), name: "all" }
const one = { ...defaultListener(hostAddress("127.0.0.2", 80)), name: "one" }
const ofTcp = { protocol: "tcp", socketKeepalive: true } as const

/** Listeners on no sockets: `come` is a client at 127.0.0.2. */
function bedOf() {
  const said: string[] = []
  let takeOver: TakeOver | null = null
  const listen: Network["listen"] = (_config, _onConnection, its) => {
    takeOver = its!
    return Promise.resolve({ port: 80, close: () => {} })
  }
  const clients = { accept: ({ config }: OpenListener) => said.push(config.name) }
  const tcp = { accept: ({ config }: OpenTcpListener) => said.push(config.name) }
  const listeners = new Listeners(
    { listen } as Network,
    clients as unknown as Clients,
    tcp as unknown as TcpClients,
  )
  const liveOf = (...configs: ListenerConfig[]): LiveConfig => {
    const ofEach = { get: () => ({}), find: () => null }
    return { config: { listeners: configs }, routers: ofEach, tcp: ofEach, tls: ofEach } as never
  }
  const come = (allowHalfOpen: boolean) => {
    const socket = {
      localAddress: "127.0.0.2",
      allowHalfOpen,
      setKeepAlive: (is: boolean) => said.push(`keepalive ${is}`),
    }
    const isTaken = takeOver!(socket as unknown as Socket)
    return { isTaken, allowHalfOpen: socket.allowHalfOpen, said: said.splice(0) }
  }
  return { listeners, liveOf, come }
}

describe("a listener of one address by the socket of all", () => {
  test("is there once its configuration is in force", async () => {
    const { listeners, liveOf, come } = bedOf()
    await listeners.open(all, liveOf(all))
    listeners.lead(liveOf(all))
    const next = liveOf(all, one)
    await listeners.open(one, next)
    expect(come(false)).toEqual({ isTaken: false, allowHalfOpen: false, said: [] })
    listeners.lead(next)
    expect(come(false).said).toEqual(["keepalive false", "one"])
  })

  test.each([
    ["TCP within HTTP", all, { ...one, ...ofTcp }, true],
    ["HTTP within TCP", { ...all, ...ofTcp }, one, false],
  ])("has its sockets as it is set: %s", async (_, its, own, isHalfOpen) => {
    const { listeners, liveOf, come } = bedOf()
    const live = liveOf(its, own)
    for (const each of [its, own]) await listeners.open(each, live)
    listeners.lead(live)
    const said = [`keepalive ${own.socketKeepalive}`, "one"]
    expect(come(!isHalfOpen)).toEqual({ isTaken: true, allowHalfOpen: isHalfOpen, said })
  })
})
