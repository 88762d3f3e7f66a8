import { describe, expect, test } from "vitest"
import { NAMES_MAX } from "./ads-client.ts"
import { DeltaAdsClient, type DeltaAdsRequest } from "./delta-ads-client.ts"
import { ResourceStore } from "./store.ts"
import { CLUSTER, ENDPOINTS, LISTENER, ROUTES, type TypeUrl } from "./type-urls.ts"

const octets = (text: string): Uint8Array => Buffer.from(text)
const all = (...names: string[]) => new Map(names.map((name) => [name, octets(name)]))

function bed() {
  const store = new ResourceStore("e")
  store.replace(CLUSTER, all("a", "b"))
  store.replace(ENDPOINTS, all("a"))
  store.replace(LISTENER, all("a", "b"))
  store.replace(ROUTES, all("a"))
  const client = new DeltaAdsClient(store)
  const say = (typeUrl: string, more: Partial<DeltaAdsRequest> = {}) =>
    client.receive(
      { typeUrl, subscribe: [], unsubscribe: [], held: new Map(), responseNonce: "", error: null, ...more },
      7,
    )
  /** What is sent, as `Cluster a=e.1 -b #1`, until nothing is due. */
  const sent = (): string[] => {
    const said: string[] = []
    for (let one = client.next(); one !== null; one = client.next()) {
      const changed = one.resources.map(([name, version]) => `${name}=${version}`)
      const gone = one.removed.map((name) => `-${name}`)
      said.push([one.type.split(".").at(-1), ...changed, ...gone, `#${one.nonce}`].join(" "))
    }
    return said
  }
  const ack = (typeUrl: TypeUrl, responseNonce: string) => say(typeUrl, { responseNonce })
  return { store, client, say, sent, ack }
}

describe("what a client asks for", () => {
  test("by no names, in the first request: all clusters, or listeners", () => {
    const { say, sent } = bed()
    say(CLUSTER)
    say(LISTENER)
    expect(sent()).toEqual(["Cluster a=e.1 b=e.1 #1", "Listener a=e.1 b=e.1 #2"])
  })

  test("by no names no endpoints", () => {
    const { say, sent } = bed()
    say(ENDPOINTS)
    expect(sent()).toEqual([])
  })

  test("by names those; what is not there is said to be gone, once, and comes when it is", () => {
    const { store, say, sent, ack } = bed()
    say(ENDPOINTS, { subscribe: ["a", "c"] })
    expect(sent()).toEqual(["ClusterLoadAssignment a=e.1 -c #1"])
    ack(ENDPOINTS, "1")
    expect(sent()).toEqual([])
    store.set(ENDPOINTS, "c", octets("ec"))
    expect(sent()).toEqual(["ClusterLoadAssignment c=e.2 #2"])
  })

  test("one name more: that alone", () => {
    const { say, sent, ack } = bed()
    say(CLUSTER, { subscribe: ["a"] })
    sent()
    ack(CLUSTER, "1")
    say(CLUSTER, { subscribe: ["b"] })
    expect(sent()).toEqual(["Cluster b=e.1 #2"])
  })

  test("a name that is asked for again is sent again", () => {
    const { say, sent, ack } = bed()
    say(CLUSTER, { subscribe: ["a"] })
    sent()
    ack(CLUSTER, "1")
    say(CLUSTER, { subscribe: ["a"] })
    expect(sent()).toEqual(["Cluster a=e.1 #2"])
  })

  test("a name that is given up is told of no more", () => {
    const { store, say, sent, ack } = bed()
    say(CLUSTER, { subscribe: ["a", "b"] })
    sent()
    ack(CLUSTER, "1")
    say(CLUSTER, { unsubscribe: ["b"] })
    store.replace(CLUSTER, all("c"))
    expect(sent()).toEqual(["Cluster -a #2"])
  })

  test("all that there are by `*`, beside names, until `*` is given up", () => {
    const { store, say, sent, ack } = bed()
    say(CLUSTER, { subscribe: ["*", "a"] })
    expect(sent()).toEqual(["Cluster a=e.1 b=e.1 #1"])
    ack(CLUSTER, "1")
    say(CLUSTER, { unsubscribe: ["*"] })
    store.replace(CLUSTER, new Map([...all("b", "c"), ["a", octets("new")]]))
    expect(sent()).toEqual(["Cluster a=e.2 #2"])
  })

  test("a name given up while all are wanted: it is said again what there is of it", () => {
    const { say, sent, ack } = bed()
    say(CLUSTER, { subscribe: ["*", "a", "z"] })
    expect(sent()).toEqual(["Cluster a=e.1 b=e.1 -z #1"])
    ack(CLUSTER, "1")
    say(CLUSTER, { unsubscribe: ["a", "z"] })
    expect(sent()).toEqual(["Cluster a=e.1 -z #2"])
    ack(CLUSTER, "2")
    expect(sent()).toEqual([])
  })

  test("what it holds of an earlier stream is not sent again, and what is gone since then is said", () => {
    const { say, sent } = bed()
    const held = new Map([
      ["a", "e.1"],
      ["b", "d.4"],
      ["gone", "e.1"],
    ])
    say(CLUSTER, { held })
    expect(sent()).toEqual(["Cluster b=e.1 -gone #1"])
  })

  test.each<[what: string, subscribe: string[], sent: string[]]>([
    ["names, in the request that asks for them", ["a", "b", "away"], ["Cluster b=e.1 -away #1"]],
    ["names, of which it asks for one", ["a"], []],
    ["all, by `*`", ["*"], ["Cluster b=e.1 -away #1"]],
    ["all, by `*` beside a name", ["*", "a"], ["Cluster b=e.1 -away #1"]],
  ])("what it holds is not sent again: %s", (_, subscribe, due) => {
    const { say, sent } = bed()
    const held = new Map([
      ["a", "e.1"],
      ["b", "d.4"],
      ["away", "e.1"],
    ])
    say(CLUSTER, { subscribe, held })
    expect(sent()).toEqual(due)
  })

  test("what it held counts until it asks once more", () => {
    const { say, sent } = bed()
    say(CLUSTER, { subscribe: ["a"], held: new Map([["a", "e.1"]]) })
    say(CLUSTER, { subscribe: ["a"] })
    expect(sent()).toEqual(["Cluster a=e.1 #1"])
  })

  test("as many names as may be asked for may be held too", () => {
    const { say, sent } = bed()
    const names = Array.from({ length: NAMES_MAX }, (_, at) => (at === 0 ? "a" : String(at)))
    say(ENDPOINTS, { subscribe: names, held: new Map(names.map((name) => [name, "e.1"])) })
    expect(sent()[0]).toMatch(/^ClusterLoadAssignment -1 -2 /)
  })

  test("names that are given up count for as long as they are to be said again", () => {
    const { say, sent, ack } = bed()
    const half = (of: string) => Array.from({ length: NAMES_MAX / 2 }, (_, at) => `${of}${at}`)
    say(CLUSTER)
    sent()
    say(CLUSTER, { unsubscribe: half("x") })
    ack(CLUSTER, "1")
    sent()
    say(CLUSTER, { unsubscribe: half("y") })
    say(CLUSTER, { unsubscribe: half("z") })
    expect(() => say(CLUSTER, { unsubscribe: ["one"] })).toThrow("may be asked for")
  })

  test("of a type that is not served nothing comes", () => {
    const { client, say, sent } = bed()
    say("type.googleapis.com/x.Y", { subscribe: ["a"] })
    expect(sent()).toEqual([])
    expect(client.subscriptions).toEqual([])
  })

  test("too many names end in an error, however many there are to be sent", () => {
    const { store, say, sent } = bed()
    const names = Array.from({ length: NAMES_MAX + 1 }, (_, at) => String(at))
    store.replace(CLUSTER, all(...names))
    say(CLUSTER)
    expect(sent()).toHaveLength(1)
    expect(() => say(ENDPOINTS, { subscribe: names })).toThrow("may be asked for")
    const held = new Map(names.map((name) => [name, "1"]))
    expect(() => say(LISTENER, { held })).toThrow("may be asked for")
  })
})

describe("what changes", () => {
  test("what changed and what is gone, nothing else; a type has one response under way", () => {
    const { store, say, sent, ack } = bed()
    say(CLUSTER)
    sent()
    store.replace(CLUSTER, all("a", "c"))
    expect(sent()).toEqual([])
    store.replace(CLUSTER, all("a", "d"))
    ack(CLUSTER, "1")
    expect(sent()).toEqual(["Cluster d=e.3 -b #2"])
  })

  test("clusters before endpoints, listeners before routes", () => {
    const { say, sent } = bed()
    for (const type of [ROUTES, LISTENER, ENDPOINTS, CLUSTER] as const) say(type, { subscribe: ["a"] })
    expect(sent().map((one) => one.split(" ")[0])).toEqual([
      "Cluster",
      "ClusterLoadAssignment",
      "Listener",
      "RouteConfiguration",
    ])
  })

  test("one that comes back is told of again", () => {
    const { store, say, sent, ack } = bed()
    say(CLUSTER, { subscribe: ["b"] })
    sent()
    ack(CLUSTER, "1")
    store.replace(CLUSTER, all("a"))
    expect(sent()).toEqual(["Cluster -b #2"])
    ack(CLUSTER, "2")
    store.replace(CLUSTER, all("a", "b"))
    expect(sent()).toEqual(["Cluster b=e.3 #3"])
  })
})

describe("ACK and NACK", () => {
  test("a NACK is kept with its words and not answered; the next version is sent", () => {
    const { store, client, say, sent, ack } = bed()
    say(CLUSTER, { subscribe: ["a"] })
    sent()
    const nack = say(CLUSTER, { responseNonce: "1", error: "no such policy" })
    expect(nack).toEqual({ version: "e.1", message: "no such policy", atMs: 7 })
    expect(sent()).toEqual([])
    expect(client.subscriptions).toMatchObject([{ ackedVersion: "", nack: { message: "no such policy" } }])
    store.replace(CLUSTER, new Map([["a", octets("better")]]))
    expect(sent()).toEqual(["Cluster a=e.2 #2"])
    ack(CLUSTER, "2")
    expect(client.subscriptions).toMatchObject([{ names: ["a"], ackedVersion: "e.2", nack: null }])
  })

  test("an answer to an older response is none, but what it asks for counts", () => {
    const { say, sent, ack, client } = bed()
    say(CLUSTER, { subscribe: ["a"] })
    sent()
    ack(CLUSTER, "1")
    say(CLUSTER, { subscribe: ["b"] })
    sent()
    expect(say(CLUSTER, { subscribe: ["c"], responseNonce: "1", error: "late" })).toBeNull()
    expect(client.subscriptions).toMatchObject([{ names: ["a", "b", "c"], nack: null }])
    // The second response is still under way.
    expect(sent()).toEqual([])
    ack(CLUSTER, "2")
    expect(sent()).toEqual(["Cluster -c #3"])
  })

  test("all that there are is shown as `*`", () => {
    const { client, say } = bed()
    say(LISTENER)
    expect(client.subscriptions).toMatchObject([{ names: ["*"] }])
  })
})
