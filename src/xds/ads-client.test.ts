import { describe, expect, test } from "vitest"
import { AdsClient, type AdsRequest, NAMES_MAX } from "./ads-client.ts"
import { ResourceStore } from "./store.ts"
import { CLUSTER, ENDPOINTS, LISTENER, ROUTES, type TypeUrl } from "./type-urls.ts"

const octets = (text: string): Uint8Array => Buffer.from(text)

function bed() {
  const store = new ResourceStore("e")
  store.replace(
    LISTENER,
    new Map([
      ["a", octets("la")],
      ["b", octets("lb")],
    ]),
  )
  store.replace(ROUTES, new Map([["a", octets("ra")]]))
  store.replace(
    CLUSTER,
    new Map([
      ["a", octets("ca")],
      ["b", octets("cb")],
    ]),
  )
  store.replace(ENDPOINTS, new Map([["a", octets("ea")]]))
  const client = new AdsClient(store)
  const ask = (typeUrl: TypeUrl, resourceNames: string[], more: Partial<AdsRequest> = {}) =>
    client.receive({ typeUrl, resourceNames, responseNonce: "", error: null, ...more }, 7)
  /** What is sent, as `Cluster a b`, until nothing is due. */
  const sent = (): string[] => {
    const said: string[] = []
    for (let one = client.next(); one !== null; one = client.next())
      said.push(`${one.type.split(".").at(-1)} ${one.names.join(" ")} @${one.version} #${one.nonce}`)
    return said
  }
  return { store, client, ask, sent }
}

describe("what a client asks for", () => {
  test("it is sent what there is of it, once", () => {
    const { ask, sent } = bed()
    ask(LISTENER, ["a"])
    expect(sent()).toEqual(["Listener a @e.1 #1"])
    ask(LISTENER, ["a"], { responseNonce: "1" })
    expect(sent()).toEqual([])
  })

  test("by no names it is sent all clusters or all listeners", () => {
    const { ask, sent } = bed()
    ask(CLUSTER, [])
    ask(LISTENER, [])
    expect(sent()).toEqual(["Cluster a b @e.1 #1", "Listener a b @e.1 #2"])
  })

  test("by no names it is sent no endpoints", () => {
    const { ask, sent } = bed()
    ask(ENDPOINTS, [])
    expect(sent()).toEqual([])
  })

  test("of a type that is not served nothing comes", () => {
    const { client, sent } = bed()
    client.receive(
      { typeUrl: "type.googleapis.com/x.Y", resourceNames: ["a"], responseNonce: "", error: null },
      0,
    )
    expect(sent()).toEqual([])
    expect(client.subscriptions).toEqual([])
  })

  test("a listener that is not there is missing in what is sent", () => {
    const { ask, sent } = bed()
    ask(LISTENER, ["nobody"])
    expect(sent()).toEqual(["Listener  @e.1 #1"])
  })

  test("endpoints that are not there come when they are", () => {
    const { store, ask, sent } = bed()
    ask(ENDPOINTS, ["b"])
    expect(sent()).toEqual([])
    store.set(ENDPOINTS, "b", octets("eb"))
    expect(sent()).toEqual(["ClusterLoadAssignment b @e.2 #1"])
  })

  test("one name more: all listeners of it, of endpoints the new one", () => {
    const { store, ask, sent } = bed()
    store.set(ENDPOINTS, "b", octets("eb"))
    ask(LISTENER, ["a"])
    ask(ENDPOINTS, ["a"])
    expect(sent()).toEqual(["ClusterLoadAssignment a @e.2 #1", "Listener a @e.1 #2"])
    ask(LISTENER, ["a", "b"], { responseNonce: "2" })
    ask(ENDPOINTS, ["a", "b"], { responseNonce: "1" })
    expect(sent()).toEqual(["ClusterLoadAssignment b @e.2 #3", "Listener a b @e.1 #4"])
  })

  test("the same names in another order are the same", () => {
    const { ask, sent } = bed()
    ask(CLUSTER, ["a", "b"])
    sent()
    ask(CLUSTER, ["b", "a"], { responseNonce: "1" })
    expect(sent()).toEqual([])
  })

  test("what was given up and is asked for again is sent again", () => {
    const { ask, sent } = bed()
    ask(ENDPOINTS, ["a"])
    sent()
    ask(ENDPOINTS, [], { responseNonce: "1" })
    ask(ENDPOINTS, ["a"], { responseNonce: "1" })
    expect(sent()).toEqual(["ClusterLoadAssignment a @e.1 #2"])
  })

  test("an answer to an older response counts for nothing", () => {
    const { store, ask, sent, client } = bed()
    ask(CLUSTER, ["a"])
    sent()
    ask(CLUSTER, ["a"], { responseNonce: "1" })
    store.replace(CLUSTER, new Map([["a", octets("new")]]))
    sent()
    expect(ask(CLUSTER, ["b"], { responseNonce: "1", error: "late" })).toBeNull()
    expect(client.subscriptions[0]).toMatchObject({ names: ["a"], ackedVersion: "e.1", sentVersion: "e.2" })
  })

  test("too many names end in an error", () => {
    const { ask } = bed()
    const names = Array.from({ length: NAMES_MAX + 1 }, (_, at) => String(at))
    expect(() => ask(ENDPOINTS, names)).toThrow("may be asked for")
    expect(() => bed().ask(ENDPOINTS, ["x".repeat(2_000_000)])).toThrow("may be asked for")
  })
})

describe("what changes", () => {
  test("clusters before endpoints, listeners before routes", () => {
    const { store, ask, sent } = bed()
    for (const type of [ROUTES, LISTENER, ENDPOINTS, CLUSTER] as const) ask(type, ["a"])
    expect(sent().map((one) => one.split(" ")[0])).toEqual([
      "Cluster",
      "ClusterLoadAssignment",
      "Listener",
      "RouteConfiguration",
    ])
    for (const [type, nonce] of [
      [CLUSTER, "1"],
      [ENDPOINTS, "2"],
      [LISTENER, "3"],
      [ROUTES, "4"],
    ] as const) {
      ask(type, ["a"], { responseNonce: nonce })
      store.replace(type, new Map([["a", octets("new")]]))
    }
    expect(sent()).toEqual([
      "Cluster a @e.2 #5",
      "ClusterLoadAssignment a @e.2 #6",
      "Listener a @e.2 #7",
      "RouteConfiguration a @e.2 #8",
    ])
  })

  test("what a client did not ask for is none of its business", () => {
    const { store, ask, sent } = bed()
    ask(CLUSTER, ["a"])
    sent()
    ask(CLUSTER, ["a"], { responseNonce: "1" })
    store.replace(
      CLUSTER,
      new Map([
        ["a", octets("ca")],
        ["b", octets("new")],
      ]),
    )
    expect(sent()).toEqual([])
  })

  test("a cluster that goes is missing in the next response, and is told of once", () => {
    const { store, ask, sent } = bed()
    ask(CLUSTER, ["a", "b"])
    sent()
    ask(CLUSTER, ["a", "b"], { responseNonce: "1" })
    store.replace(CLUSTER, new Map([["a", octets("ca")]]))
    expect(sent()).toEqual(["Cluster a @e.2 #2"])
    ask(CLUSTER, ["a", "b"], { responseNonce: "2" })
    expect(sent()).toEqual([])
  })

  test("one that comes back is told of again", () => {
    const { store, ask, sent } = bed()
    ask(CLUSTER, ["b"])
    sent()
    ask(CLUSTER, ["b"], { responseNonce: "1" })
    store.replace(CLUSTER, new Map())
    expect(sent()).toEqual(["Cluster  @e.2 #2"])
    ask(CLUSTER, ["b"], { responseNonce: "2" })
    store.replace(CLUSTER, new Map([["b", octets("cb")]]))
    expect(sent()).toEqual(["Cluster b @e.3 #3"])
  })

  test("a client that has not answered is told of the newest alone, when it has", () => {
    const { store, ask, sent } = bed()
    ask(ENDPOINTS, ["a"])
    sent()
    for (const text of ["1", "2", "3"]) {
      store.set(ENDPOINTS, "a", octets(text))
      expect(sent()).toEqual([])
    }
    ask(ENDPOINTS, ["a"], { responseNonce: "1" })
    expect(sent()).toEqual(["ClusterLoadAssignment a @e.4 #2"])
  })

  test("the same octets are no change", () => {
    const { store } = bed()
    expect(store.set(ENDPOINTS, "a", octets("ea"))).toBe(false)
    expect(
      store.replace(
        CLUSTER,
        new Map([
          ["a", octets("ca")],
          ["b", octets("cb")],
        ]),
      ),
    ).toBe(false)
    expect(store.versionText(CLUSTER)).toBe("e.1")
  })
})

describe("NACK", () => {
  test("it is kept with its words and not answered; the next version is sent", () => {
    const { store, client, ask, sent } = bed()
    ask(CLUSTER, ["a"])
    sent()
    expect(ask(CLUSTER, ["a"], { responseNonce: "1", error: "no such policy" })).toEqual({
      version: "e.1",
      message: "no such policy",
      atMs: 7,
    })
    expect(sent()).toEqual([])
    expect(client.subscriptions).toMatchObject([{ ackedVersion: "", nack: { message: "no such policy" } }])
    store.replace(CLUSTER, new Map([["a", octets("better")]]))
    expect(sent()).toEqual(["Cluster a @e.2 #2"])
    ask(CLUSTER, ["a"], { responseNonce: "2" })
    expect(client.subscriptions).toMatchObject([{ ackedVersion: "e.2", nack: null }])
  })

  test("the version that it had goes on counting as taken", () => {
    const { store, client, ask, sent } = bed()
    ask(CLUSTER, ["a"])
    sent()
    ask(CLUSTER, ["a"], { responseNonce: "1" })
    store.replace(CLUSTER, new Map([["a", octets("worse")]]))
    sent()
    ask(CLUSTER, ["a"], { responseNonce: "2", error: "no" })
    expect(client.subscriptions).toMatchObject([{ sentVersion: "e.2", ackedVersion: "e.1" }])
  })
})
