import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import type { Any } from "@bufbuild/protobuf/wkt"
import { describe, expect, test, vi } from "vitest"
import { LogLines } from "../../../test/support/log-lines.ts"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { resource } from "../../../test/support/stand-ins/control-plane.ts"
import {
  CLUSTER,
  cluster,
  ENDPOINTS,
  endpoints,
  everything,
  LISTENER,
  listener,
  ROUTES,
  routes,
} from "../../../test/support/xds-resources.ts"
import { DeltaProtocol } from "../../xds/client/delta.ts"
import type { AdsProtocol } from "../../xds/client/protocol.ts"
import { SotwProtocol } from "../../xds/client/sotw.ts"
import { NodeSchema } from "../../xds/gen/envoy/config/core/v3/base_pb.ts"
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../xds/gen/envoy/service/discovery/v3/discovery_pb.ts"
import { shortName } from "../../xds/type-urls.ts"
import { type AdsStreamEvents, XdsClient } from "./xds-client.ts"

const node = create(NodeSchema, { id: "test" })

/** A bug that one resource meets. */
vi.mock(import("../../xds/adapt/endpoints-plan.ts"), async (original) => {
  const whole = await original()
  return {
    ...whole,
    planEndpoints: (message) => {
      if (message.clusterName === "unlucky") throw new TypeError("a bug")
      return whole.planEndpoints(message)
    },
  }
})

/** A client, and the stream that it has now, played by hand. */
class Bed {
  readonly clock = new ManualClock()
  readonly lines = new LogLines()
  readonly limits: string[] = []
  /** What was in use each time that it was to be put in force: the names of listeners, and of the clusters they lead to. */
  readonly applied: string[] = []
  streams = 0
  /** Messages that the stream is done with. */
  done = 0
  /** What is put in force is so when this resolves. */
  gate: Promise<void> = Promise.resolve()
  readonly client: XdsClient
  readonly #isDelta: boolean
  #sent: Uint8Array[] = []
  #events: AdsStreamEvents | null = null
  #nonces = 0

  constructor(isDelta = false, resourcesMax = 100) {
    this.#isDelta = isDelta
    const protocol: AdsProtocol = isDelta ? new DeltaProtocol(node) : new SotwProtocol(node)
    this.client = new XdsClient({
      server: "plane:1",
      protocol,
      resourcesMax,
      clock: this.clock,
      random: () => 1,
      log: this.lines.log,
      open: (_path, events) => {
        this.streams++
        this.#events = events
        this.#sent = []
        return { send: (message) => this.#sent.push(message), close: () => {} }
      },
      apply: (live) => {
        const led = [...live.routes.values()].flatMap(({ clusters }) => [...clusters])
        this.applied.push(`${[...live.listeners.keys()].join(" ")} -> ${led.join(" ")}`)
        return this.gate
      },
      onProgress: () => {},
      onLimit: (limit) => this.limits.push(limit),
      listenerNames: null,
    })
    this.client.start()
  }

  up(): void {
    this.#events!.onOpen()
  }

  down(reason: string): void {
    this.#events!.onEnd(reason)
  }

  async #settle(): Promise<void> {
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
    this.clock.advance(10)
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
  }

  async say(type: string, version: string, ...resources: Any[]): Promise<void> {
    const typeUrl = `type.googleapis.com/${type}`
    const nonce = `n${++this.#nonces}`
    const fields = { typeUrl, versionInfo: version, nonce, resources }
    this.#events!.onMessage(
      toBinary(DiscoveryResponseSchema, create(DiscoveryResponseSchema, fields)),
      () => this.done++,
    )
    await this.#settle()
  }

  async sayDelta(
    type: string,
    named: Record<string, [version: string, any: Any]>,
    ...gone: string[]
  ): Promise<void> {
    const resources = Object.entries(named).map(([name, [version, resource]]) => ({
      name,
      version,
      resource,
    }))
    const fields = {
      typeUrl: `type.googleapis.com/${type}`,
      nonce: `n${++this.#nonces}`,
      resources,
      removedResources: gone,
    }
    const response = create(DeltaDiscoveryResponseSchema, fields)
    this.#events!.onMessage(toBinary(DeltaDiscoveryResponseSchema, response), () => {})
    await this.#settle()
  }

  async nonsense(): Promise<void> {
    this.#events!.onMessage(Buffer.from("no message"), () => {})
    await this.#settle()
  }

  /** What was sent since it was looked at last, a line each. */
  get sent(): string[] {
    const lines = this.#sent.map((octets) => (this.#isDelta ? deltaLine(octets) : sotwLine(octets)))
    this.#sent = []
    return lines
  }
}

function sotwLine(octets: Uint8Array): string {
  const {
    typeUrl,
    versionInfo,
    responseNonce,
    resourceNames,
    errorDetail,
    node: by,
  } = fromBinary(DiscoveryRequestSchema, octets)
  const parts = [
    shortName(typeUrl),
    resourceNames.join(","),
    versionInfo && `v=${versionInfo}`,
    responseNonce,
    errorDetail && "NACK",
    by && `by ${by.id}`,
  ]
  return parts.filter((part) => part).join(" ")
}

function deltaLine(octets: Uint8Array): string {
  const request = fromBinary(DeltaDiscoveryRequestSchema, octets)
  const {
    typeUrl,
    resourceNamesSubscribe: more,
    resourceNamesUnsubscribe: less,
    responseNonce,
    errorDetail,
    node: by,
  } = request
  const known = Object.entries(request.initialResourceVersions).map(([name, version]) => `${name}=${version}`)
  const parts = [
    shortName(typeUrl),
    ...more.map((name) => `+${name}`),
    ...less.map((name) => `-${name}`),
    ...known,
    responseNonce,
    errorDetail && "NACK",
    by && `by ${by.id}`,
  ]
  return parts.filter((part) => part).join(" ")
}

describe("state of the world", () => {
  test("in whatever order it comes: used when it is whole", async () => {
    const bed = new Bed()
    bed.up()
    expect(bed.sent).toEqual(["Cluster by test", "Listener"])
    await bed.say(LISTENER, "1", listener("l", 1))
    expect(bed.sent).toEqual(["Listener v=1 n1", "RouteConfiguration routes"])
    await bed.say(ROUTES, "1", routes("routes", everything("c")))
    expect(bed.sent).toEqual(["RouteConfiguration routes v=1 n2"])
    expect(bed.applied).toEqual([])
    await bed.say(CLUSTER, "1", cluster("c"))
    expect(bed.sent).toEqual(["Cluster v=1 n3", "ClusterLoadAssignment c"])
    expect(bed.applied).toEqual([])
    await bed.say(ENDPOINTS, "1", endpoints("c", 1))
    expect(bed.applied).toEqual(["l -> c"])
    expect(bed.client.isSettled).toBe(true)
  })

  test("a name that points nowhere is waited for, and not without end", async () => {
    const bed = new Bed()
    bed.up()
    await bed.say(CLUSTER, "1")
    await bed.say(LISTENER, "1", listener("l", 1))
    await bed.say(ROUTES, "1", routes("routes", everything("nowhere")))
    expect(bed.applied).toEqual([])
    bed.clock.advance(5_000)
    await bed.say(CLUSTER, "1")
    expect(bed.applied).toEqual(["l -> nowhere"])
  })

  test("half a set: endpoints that never come are waited for 15 s", async () => {
    const bed = new Bed()
    bed.up()
    await bed.say(CLUSTER, "1", cluster("c"))
    await bed.say(LISTENER, "1", listener("l", 1))
    await bed.say(ROUTES, "1", routes("routes", everything("c")))
    bed.clock.advance(14_900)
    await bed.say(CLUSTER, "1", cluster("c"))
    expect(bed.applied).toEqual([])
    bed.clock.advance(200)
    await bed.say(CLUSTER, "1", cluster("c"))
    expect(bed.applied).toEqual(["l -> c"])
  })

  test("a cluster that is gone stays as long as a route leads to it", async () => {
    const bed = await whole()
    await bed.say(CLUSTER, "2", cluster("d"))
    expect(bed.applied).toEqual([])
    await bed.say(ENDPOINTS, "2", endpoints("c", 1), endpoints("d", 2))
    expect([...bed.client.live.clusters.keys()]).toEqual(["c", "d"])
    await bed.say(ROUTES, "2", routes("routes", everything("d")))
    expect(bed.applied.at(-1)).toBe("l -> d")
    expect([...bed.client.live.clusters.keys()]).toEqual(["d"])
  })

  test("other endpoints are told to those who watch, and nothing is put in force", async () => {
    const bed = await whole()
    const told: string[] = []
    const unwatch = bed.client.watch("c", (all) => told.push(all.map(({ address }) => address).join(" ")))
    await bed.say(ENDPOINTS, "2", endpoints("c", 3, 4))
    await bed.say(ENDPOINTS, "3", endpoints("c", 3, 4))
    unwatch()
    await bed.say(ENDPOINTS, "4", endpoints("c", 5))
    expect(told).toEqual(["127.0.0.1:1", "127.0.0.1:3 127.0.0.1:4"])
    expect(bed.applied).toEqual([])
  })
})

/** All of one listener, in use. */
async function whole(): Promise<Bed> {
  const bed = new Bed()
  bed.up()
  await bed.say(CLUSTER, "1", cluster("c"))
  await bed.say(ENDPOINTS, "1", endpoints("c", 1))
  await bed.say(LISTENER, "1", listener("l", 1))
  await bed.say(ROUTES, "1", routes("routes", everything("c")))
  void bed.sent
  expect(bed.applied.at(-1)).toBe("l -> c")
  bed.applied.length = 0
  return bed
}

describe("what is refused", () => {
  const bad = () => cluster("c", { type: "ORIGINAL_DST" })

  test("a NACK names the version that holds; then good again", async () => {
    const bed = await whole()
    await bed.say(CLUSTER, "2", bad())
    expect(bed.sent).toEqual(["Cluster v=1 n5 NACK"])
    expect(bed.client.status.types[0]).toMatchObject({ version: "1", nacks: 1, resources: 1 })
    expect(bed.client.live.clusters.has("c")).toBe(true)
    await bed.say(CLUSTER, "3", cluster("c"))
    expect(bed.sent).toEqual(["Cluster v=3 n6"])
    expect(bed.client.status.types[0]).toMatchObject({ version: "3", nacks: 1, lastNack: null })
    expect(bed.applied).toEqual([])
  })

  test("a NACK that is answered by the same again is said later and later, and logged once", async () => {
    const bed = await whole()
    for (let round = 0; round < 6; round++) await bed.say(CLUSTER, "2", bad())
    // Each but the first waits, and the newest takes the place of those before it.
    expect(bed.sent).toEqual(["Cluster v=1 n5 NACK"])
    bed.clock.advance(10_000)
    expect(bed.sent).toEqual(["Cluster v=1 n10 NACK"])
    expect(
      bed.lines.saying("resources of the control plane are refused; what was taken before stays"),
    ).toHaveLength(1)
  })

  test("bad and good by turns: the good is in use, and the log has a line a minute", async () => {
    const bed = await whole()
    for (let round = 0; round < 20; round++) {
      await bed.say(CLUSTER, "2", bad())
      await bed.say(CLUSTER, "3", cluster("c"))
    }
    const said = () =>
      bed.lines.saying("resources of the control plane are refused; what was taken before stays").length
    expect(said()).toBe(1)
    bed.clock.advance(60_000)
    await bed.say(CLUSTER, "4", bad())
    expect(said()).toBe(2)
    expect(bed.client.live.clusters.has("c")).toBe(true)
    expect(bed.applied).toEqual([])
  })

  test("clusters within one another without an end, and one name twice: of each what can be", async () => {
    const bed = await whole()
    const within = (name: string, ...clusters: string[]) =>
      resource(CLUSTER, {
        name,
        clusterType: {
          name: "envoy.clusters.aggregate",
          typedConfig: {
            "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
            clusters,
          },
        },
      })
    await bed.say(CLUSTER, "2", cluster("c"), within("one", "two"), within("two", "one"), cluster("c"))
    expect(bed.sent.at(-1)).toBe("Cluster v=1 n5 NACK")
    expect(bed.client.status.types[0]!.lastNack).toBe('Cluster "c": it is named twice')
    await bed.say(ROUTES, "2", routes("routes", everything("one")))
    expect(bed.applied).toEqual(["l -> c", "l -> one"])
  })

  test("more resources than are held, and the log and the counter say so", async () => {
    const bed = new Bed(false, 1)
    bed.up()
    await bed.say(CLUSTER, "1", cluster("a"), cluster("b"))
    expect(bed.sent.at(-1)).toBe("Cluster n1 NACK")
    expect(bed.limits).toEqual(["control_plane_resources_exceeded"])
    expect(bed.client.resources("type.googleapis.com/envoy.config.cluster.v3.Cluster").size).toBe(0)
  })
})

describe("a bug", () => {
  const BUG = "unexpected error: what the control plane said is not in force"

  test("that one resource meets refuses that one, is told once, and the stream goes on", async () => {
    const bed = await whole()
    await bed.say(CLUSTER, "2", cluster("c"), cluster("unlucky"), cluster("d"))
    void bed.sent
    const { done } = bed
    for (const version of ["2", "3"])
      await bed.say(ENDPOINTS, version, endpoints("unlucky", 1), endpoints("c", 1), endpoints("d", 2))
    expect(bed.sent).toEqual(["ClusterLoadAssignment c,unlucky,d v=1 n6 NACK"])
    expect(bed.done - done).toBe(2)
    expect(bed.client.status.types[1]!.lastNack).toBe(
      'ClusterLoadAssignment "unlucky": an unexpected error of the client',
    )
    expect(bed.lines.saying(BUG)).toEqual([{ error: expect.stringContaining("a bug") as string }])
    await bed.say(ROUTES, "2", routes("routes", everything("d")))
    expect(bed.applied.at(-1)).toBe("l -> d")
  })

  test("that the endpoints within a cluster meet is one too", async () => {
    const bed = await whole()
    const loadAssignment = { clusterName: "unlucky", endpoints: [] }
    const inline = resource("envoy.config.cluster.v3.Cluster", { name: "in", type: "STATIC", loadAssignment })
    await bed.say(CLUSTER, "2", cluster("c"), inline)
    expect(bed.client.status.types[0]!.lastNack).toBe('Cluster "in": an unexpected error of the client')
    expect(bed.lines.saying(BUG)).toEqual([{ error: expect.stringContaining("a bug") as string }])
  })

  test("of who is told of endpoints is told once, and the others are told all the same", async () => {
    const bed = await whole()
    await bed.say(CLUSTER, "2", cluster("c"), cluster("d"))
    const told: string[] = []
    bed.client.watch("d", () => {
      throw new Error("a bug")
    })
    for (const service of ["d", "c"])
      bed.client.watch(service, ([one]) => told.push(`${service} ${one!.address}`))
    told.length = 0
    await bed.say(ENDPOINTS, "2", endpoints("d", 2), endpoints("c", 3))
    expect(told).toEqual(["d 127.0.0.1:2", "c 127.0.0.1:3"])
    expect(bed.lines.saying(BUG)).toHaveLength(1)
    expect(bed.sent.at(-1)).toBe("ClusterLoadAssignment c,d v=2 n6")
  })

  test("that a whole response meets refuses it, and the next is taken", async () => {
    const bed = await whole()
    const { done } = bed
    vi.spyOn(SotwProtocol.prototype, "ack").mockImplementationOnce(() => {
      throw new Error("a bug")
    })
    await bed.say(CLUSTER, "2", cluster("c"))
    expect(bed.sent).toEqual(["Cluster v=1 n5 NACK"])
    await bed.say(CLUSTER, "3", cluster("c"))
    expect(bed.sent).toEqual(["Cluster v=3 n6"])
    expect(bed.done - done).toBe(2)
    expect(bed.lines.saying(BUG)).toHaveLength(1)
  })
})

describe("a control plane that goes", () => {
  test("for a day: what it said last stays, it is tried again and again, and each cause is told once", async () => {
    const bed = await whole()
    bed.down("the peer closed the connection")
    await new Promise((resolve) => setImmediate(resolve))
    for (let tries = 0; tries < 3; tries++) {
      bed.clock.advance(30_000)
      bed.down("connection refused")
      await new Promise((resolve) => setImmediate(resolve))
    }
    for (let hours = 0; hours < 24; hours++) {
      bed.clock.advance(3_600_000)
      bed.down("connection refused")
      await new Promise((resolve) => setImmediate(resolve))
    }
    const said = bed.lines.saying("the control plane is not there").map((fields) => fields.reason)
    expect(said).toEqual([
      "the peer closed the connection; what it said last stays",
      "connection refused; what it said last stays",
    ])
    expect(bed.streams).toBe(28)
    expect(bed.client.live.listeners.size).toBe(1)
    expect(bed.client.status).toMatchObject({ isConnected: false, problem: "connection refused" })
    bed.clock.advance(30_000)
    bed.up()
    expect(bed.sent).toEqual([
      "Cluster v=1 by test",
      "ClusterLoadAssignment c v=1",
      "Listener v=1",
      "RouteConfiguration routes v=1",
    ])
    await bed.say(CLUSTER, "1", cluster("c"))
    expect(bed.client.status).toMatchObject({ isConnected: true, problem: null })
    expect(bed.applied).toEqual([])
  })

  test("again and again, for the same reason: a line each for going and coming, then none for a minute", async () => {
    const bed = await whole()
    const flap = async (): Promise<void> => {
      bed.down("the peer closed the connection")
      await new Promise((resolve) => setImmediate(resolve))
      bed.clock.advance(500)
      bed.up()
      await bed.say(CLUSTER, "1", cluster("c"))
    }
    for (let times = 0; times < 50; times++) await flap()
    const gone = () => bed.lines.saying("the control plane is not there").length
    const there = () => bed.lines.saying("connected to the control plane").length
    expect([gone(), there()]).toEqual([1, 2])
    expect(bed.streams).toBe(51)
    bed.clock.advance(60_000)
    await flap()
    expect([gone(), there()]).toEqual([2, 3])
    expect(bed.applied).toEqual([])
  })

  test("changes its mind faster than that can be put in force: the last of it is, and none waits in a row", async () => {
    const bed = await whole()
    await bed.say(CLUSTER, "2", cluster("c"), cluster("d"))
    await bed.say(ENDPOINTS, "2", endpoints("c", 1), endpoints("d", 2))
    const before = bed.applied.length
    let open = (): void => {}
    bed.gate = new Promise((resolve) => (open = resolve))
    for (let times = 0; times < 21; times++)
      await bed.say(ROUTES, `${times + 2}`, routes("routes", everything(times % 2 === 0 ? "d" : "c")))
    expect(bed.applied.slice(before)).toEqual(["l -> d"])
    open()
    await new Promise((resolve) => setImmediate(resolve))
    expect(bed.applied.slice(before)).toEqual(["l -> d", "l -> d"])
  })

  test("what cannot be put in force is told, and what it says next is put in force", async () => {
    const bed = await whole()
    await bed.say(CLUSTER, "2", cluster("c"), cluster("d"))
    await bed.say(ENDPOINTS, "2", endpoints("c", 1), endpoints("d", 2))
    const before = bed.applied.length
    const failing = Promise.reject(new Error("a bug"))
    failing.catch(() => {})
    bed.gate = failing
    await bed.say(ROUTES, "2", routes("routes", everything("d")))
    bed.gate = Promise.resolve()
    await bed.say(ROUTES, "3", routes("routes", everything("c")))
    expect(bed.applied.slice(before)).toEqual(["l -> d", "l -> c"])
    expect(bed.lines.saying("unexpected error: what the control plane said is not in force")).toEqual([
      { error: expect.stringContaining("Error: a bug") as string },
    ])
  })

  test("what it sends is no message: the stream ends, nothing else does", async () => {
    const bed = await whole()
    await bed.nonsense()
    expect(bed.lines.saying("the control plane is not there")).toMatchObject([
      { reason: "what it sends is no response of ADS; what it said last stays" },
    ])
    expect(bed.client.live.listeners.size).toBe(1)
  })
})

describe("deltas", () => {
  test("names come and go, and the next stream is told what is held", async () => {
    const bed = new Bed(true)
    bed.up()
    expect(bed.sent).toEqual(["Cluster by test", "Listener"])
    await bed.sayDelta(CLUSTER, { c: ["1", cluster("c")], d: ["1", cluster("d")] })
    expect(bed.sent).toEqual(["Cluster n1", "ClusterLoadAssignment +c +d"])
    await bed.sayDelta(ENDPOINTS, { c: ["1", endpoints("c", 1)], d: ["1", endpoints("d", 2)] })
    await bed.sayDelta(LISTENER, { l: ["1", listener("l", 1)] })
    expect(bed.sent).toEqual(["ClusterLoadAssignment n2", "Listener n3", "RouteConfiguration +routes"])
    await bed.sayDelta(ROUTES, { routes: ["7", routes("routes", everything("c"))] })
    expect(bed.applied.at(-1)).toBe("l -> c")
    void bed.sent
    await bed.sayDelta(CLUSTER, {}, "d")
    expect(bed.sent).toEqual(["Cluster n5", "ClusterLoadAssignment -d"])
    await bed.sayDelta(CLUSTER, { c: ["2", cluster("c", { type: "ORIGINAL_DST" })] })
    expect(bed.sent).toEqual(["Cluster n6 NACK"])
    bed.down("gone")
    await new Promise((resolve) => setImmediate(resolve))
    bed.clock.advance(1_000)
    bed.up()
    expect(bed.sent).toEqual([
      "Cluster c=1 by test",
      "ClusterLoadAssignment +c c=1",
      "Listener l=1",
      "RouteConfiguration +routes routes=7",
    ])
    await bed.sayDelta(LISTENER, {}, "l")
    expect(bed.applied.at(-1)).toBe(" -> ")
  })
})
