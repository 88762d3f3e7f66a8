import { describe, expect, test } from "vitest"
import type { ClusterMessage, ToThread } from "../balancer/thread/contract.ts"
import { makeMemory } from "../balancer/thread/shared-numbers.ts"
import { type EndpointState, layOver } from "../cluster/state.ts"
import { StateSender } from "./state-sender.ts"

const endpoint = (slot: number): EndpointState => {
  const known = { address: `10.0.0.1:${slot + 1}`, origin: 0, weight: 1, zone: null, drain: false }
  return layOver({ ...known, priority: 0 }, slot, [], undefined)
}

/** A sender to a thread, and the states `a`, `b` … of so many endpoints. */
function make(sizes: Record<string, number>) {
  const sent: ClusterMessage[] = []
  const sender = new StateSender(0, {
    post: (message: ToThread) => void sent.push(message as ClusterMessage),
    endpointsOf: (name) => Array.from({ length: sizes[name]! }, (_, slot) => endpoint(slot)),
    memory: () => makeMemory(1),
  })
  const changed = (version: number, ...names: string[]): void =>
    sender.changed({ version, clusters: names.map((name) => ({ name, endpoints: [] })) })
  /** What was sent since it was last asked: `a v1 0+512`, with a full stop where the state is whole. */
  const told = (): string[] =>
    sent
      .splice(0)
      .map(
        ({ cluster, version, from, endpoints, isLast }) =>
          `${cluster} v${version} ${from}+${endpoints.length}${isLast ? "." : ""}`,
      )
  return { sender, sizes, changed, told }
}

describe("states are sent", () => {
  test("one message at a time, a long one in parts", () => {
    const { sender, changed, told } = make({ a: 550, b: 0 })
    sender.resume()
    changed(1, "a", "b")
    const heard: string[][] = []
    for (let i = 0; i < 5; i++) {
      heard.push([...told(), `acknowledged ${sender.acknowledged}`])
      sender.applied()
    }
    expect(heard).toEqual([
      ["a v1 0+256", "acknowledged 0"],
      ["a v1 256+256", "acknowledged 0"],
      ["a v1 512+38.", "acknowledged 0"],
      ["b v1 0+0.", "acknowledged 0"],
      ["acknowledged 1"],
    ])
  })

  test("of the newest version alone, where the thread is slow", () => {
    const { sender, sizes, changed, told } = make({ a: 1, b: 1 })
    sender.resume()
    changed(1, "a")
    for (let version = 2; version < 9; version++) changed(version, version % 2 === 0 ? "a" : "b")
    sizes.a = 7
    expect(told()).toEqual(["a v1 0+1."])
    sender.applied()
    expect([told(), sender.acknowledged]).toEqual([["a v2 0+7."], 1])
    sender.applied()
    expect([told(), sender.acknowledged]).toEqual([["b v3 0+1."], 2])
    sender.applied()
    expect([told(), sender.acknowledged]).toEqual([[], 8])
  })

  test("a newer one overtakes one that is not whole, and is itself sent whole before the next", () => {
    const { sender, sizes, changed, told } = make({ a: 600 })
    sender.resume()
    changed(1, "a")
    const heard: string[] = []
    for (const size of [601, 602, 603, 604, 605]) {
      sizes.a = size
      changed(size - 599, "a")
      sender.applied()
      heard.push(...told(), `acknowledged ${sender.acknowledged}`)
    }
    expect(heard).toEqual([
      ...["a v1 0+256", "a v1 0+256", "acknowledged 0", "a v1 256+256", "acknowledged 0"],
      ...["a v1 512+89.", "acknowledged 0", "a v3 0+256", "acknowledged 2", "a v3 0+256", "acknowledged 2"],
    ])
  })

  test("to a thread that starts once it listens", () => {
    const { sender, changed, told } = make({ a: 1 })
    changed(1, "a")
    expect([told(), sender.acknowledged]).toEqual([[], 0])
    sender.resume()
    expect(told()).toEqual(["a v1 0+1."])
  })
})

describe("a reload in the middle of a long state", () => {
  test("that is committed brings all of it", () => {
    const { sender, changed, told } = make({ a: 500 })
    sender.resume()
    changed(1, "a")
    told()
    sender.hold()
    sender.applied()
    expect([told(), sender.acknowledged]).toEqual([[], 0])
    sender.reloaded(2)
    sender.resume()
    expect([told(), sender.acknowledged]).toEqual([[], 2])
  })

  test("that is abandoned lets it begin anew", () => {
    const { sender, changed, told } = make({ a: 500 })
    sender.resume()
    changed(1, "a")
    sender.applied()
    expect(told()).toEqual(["a v1 0+256", "a v1 256+244."])
    sender.hold()
    sender.applied()
    sender.resume()
    expect(told()).toEqual(["a v1 0+256"])
  })
})
