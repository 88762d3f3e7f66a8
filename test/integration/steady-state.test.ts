import { EventEmitter } from "node:events"
import type { Socket } from "node:net"
import { getHeapStatistics } from "node:v8"
import { expect, onTestFinished, test } from "vitest"
import { Balancer } from "../../src/balancer/balancer.ts"
import { type Numbers, OwnNumbers } from "../../src/balancer/numbers.ts"
import { makeRouteMemory, SharedRouteNumbers } from "../../src/balancer/thread/route-memory.ts"
import { configuredEndpoints, layOver } from "../../src/cluster/state.ts"
import { fromInput } from "../../src/config/yaml/normalize.ts"
import type { Network } from "../../src/net/network.ts"
import type { OnOctets } from "../../src/net/shared-read.ts"
import * as dsl from "../support/frame-dsl.ts"

/** A socket that takes everything at once and forgets it. */
class Sink extends EventEmitter {
  destroyed = false
  readonly remoteAddress = "127.0.0.1"
  octets = 0
  write(octets: Buffer, done?: () => void): boolean {
    this.octets += octets.length
    done?.()
    return true
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {
    this.destroy()
  }
  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.emit("close")
  }
}

/** A network in which only what a test says is heard, and turns end when it says so. */
class Wire implements Network {
  readonly client = new Sink()
  readonly backend = new Sink()
  #fromClient: OnOctets = () => {}
  #fromBackend: OnOctets = () => {}
  #accept: (accept: (onOctets: OnOctets) => Socket) => void = () => {}
  #turn: (() => void)[] = []
  readonly #readBuffer = Buffer.alloc(65_536)

  readonly listen: Network["listen"] = async (_config, onConnection) => {
    this.#accept = onConnection
    return { port: 1, close: async () => {} }
  }
  readonly connect: Network["connect"] = (_endpoint, _bind, onOctets) => {
    this.#fromBackend = onOctets
    return this.backend as unknown as Socket
  }
  afterReads(callback: () => void): void {
    this.#turn.push(callback)
  }

  open(): void {
    this.#accept((onOctets) => {
      this.#fromClient = onOctets
      return this.client as unknown as Socket
    })
  }
  fromClient(octets: Buffer): void {
    this.#read(octets, this.#fromClient)
  }
  fromBackend(octets: Buffer): void {
    this.#read(octets, this.#fromBackend)
  }
  /** As from the kernel: into a buffer that what reads it may write into. */
  #read(octets: Buffer, onOctets: OnOctets): void {
    octets.copy(this.#readBuffer)
    onOctets(this.#readBuffer, octets.length)
    this.#endTurn()
  }
  #endTurn(): void {
    for (const callback of this.#turn.splice(0)) callback()
  }
}

const MESSAGES = 1_000_000
const MESSAGES_PER_READ = 250
const MESSAGE_OCTETS = 100
/** What a number that needs an object would cost, were there one for every message. */
const OCTETS_PER_MESSAGE_MAX = 16

function heapOctets(): number {
  return getHeapStatistics().used_heap_size
}

class RouteCountingNumbers extends OwnNumbers {
  override readonly routes = new SharedRouteNumbers(makeRouteMemory(1, 1), 0)
}

function makeBalancer(network: Network, numbers: Numbers): Balancer {
  const input = { listeners: "127.0.0.1:1", clusters: { backend: ["127.0.0.1:2"] } }
  const { config } = fromInput(input)
  const clusters = config!.clusters.map((cluster) => ({
    name: cluster.name,
    endpoints: configuredEndpoints(cluster).map((known, slot) => layOver(known, slot, [], undefined)),
  }))
  return new Balancer(config!, { network }, { numbers, state: { version: 0, clusters } })
}

test.each([
  ["", new OwnNumbers()],
  [", counted by route", new RouteCountingNumbers()],
] as const)(
  "a million messages on an open stream leave next to nothing for the garbage collector%s",
  async (_, numbers) => {
    const wire = new Wire()
    const balancer = makeBalancer(wire, numbers)
    await balancer.start()
    onTestFinished(() => balancer.close({ graceMs: 0 }))
    wire.open()
    wire.fromClient(
      Buffer.concat([dsl.preface, dsl.settings(), dsl.settingsAck(), dsl.headers(1, dsl.request)]),
    )
    wire.fromBackend(Buffer.concat([dsl.settings(), dsl.settingsAck(), dsl.headers(1, dsl.response)]))

    const message = Buffer.alloc(MESSAGE_OCTETS)
    message.writeUInt32BE(MESSAGE_OCTETS - 5, 1)
    const data = Buffer.concat(Array.from({ length: MESSAGES_PER_READ }, () => dsl.data(1, message)))
    const credit = MESSAGES_PER_READ * MESSAGE_OCTETS
    const windowUpdates = Buffer.concat([dsl.windowUpdate(0, credit), dsl.windowUpdate(1, credit)])
    const exchange = (): void => {
      wire.fromClient(data)
      wire.fromBackend(windowUpdates)
      wire.fromBackend(data)
      wire.fromClient(windowUpdates)
    }
    // Until the code is compiled, the compiler's own objects are most of what there is.
    for (let i = 0; i < 400; i++) exchange()

    const rounds = MESSAGES / MESSAGES_PER_READ / 2
    let allocated = 0
    let before = heapOctets()
    for (let i = 0; i < rounds; i++) {
      exchange()
      const now = heapOctets()
      // A collection between two looks hides what came since the last one: one read in some hundred.
      if (now > before) allocated += now - before
      before = now
    }
    const { streams } = balancer.snapshot()
    expect(streams).toHaveLength(1)
    expect(streams[0]!.requestMessages).toBe((400 + rounds) * MESSAGES_PER_READ)
    expect(streams[0]!.responseMessages).toBe((400 + rounds) * MESSAGES_PER_READ)
    expect(wire.backend.octets).toBeGreaterThan((rounds + 400) * credit)
    expect(allocated / MESSAGES).toBeLessThan(OCTETS_PER_MESSAGE_MAX)
  },
)
