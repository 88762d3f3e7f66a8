/** What holds of the source for Kubernetes, whether it asks the stand-in or a kube-apiserver. */
import assert from "node:assert/strict"
import { systemClock } from "../../src/base/clock.ts"
import { type EndpointSlice, KubernetesSource } from "../../src/control/discovery/kubernetes-source.ts"
import { JsonClient, type JsonClientOptions } from "../../src/net/json-client.ts"
import type { DiscoveryCase } from "./consul-cases.ts"
import { type Finishing, type Listening, listen } from "./listening.ts"

/** An API server, real or not, with the Service `chat` in the namespace `default`. */
export interface KubernetesSubject {
  readonly access: JsonClientOptions
  /** `service`: whose it is; `chat`, if not given. */
  put(name: string, slice: EndpointSlice, service?: string): Promise<void> | void
  remove(name: string): Promise<void> | void
  /** It is away for a moment, and connections to it are lost. */
  restart(): Promise<void> | void
  /** As `restart`, and what it had said before is too old to go on from. */
  restartWithoutPast(): Promise<void> | void
}

function source(t: Finishing, { access }: KubernetesSubject): Listening {
  const client = new JsonClient(access)
  t.onTestFinished(() => client.close())
  const names = { namespace: "default", service: "chat", port: null }
  return listen(t, new KubernetesSource({ client, ...names, clock: systemClock, random: () => 0 }))
}

export const slice = (...hosts: string[]): EndpointSlice => ({
  addressType: "IPv4",
  ports: [{ name: "grpc", port: 3000, protocol: "TCP" }],
  endpoints: hosts.map((host) => ({ addresses: [host], conditions: { ready: true } })),
})

export const kubernetesCases: readonly DiscoveryCase<KubernetesSubject>[] = [
  {
    name: "slices are listed, then watched: they come, change and go",
    async run(kubernetes, t) {
      await kubernetes.put("a", slice("10.0.0.1"))
      await kubernetes.put("b", slice("10.0.0.2", "10.0.0.3"))
      const { says } = source(t, kubernetes)
      await says("10.0.0.1:3000", "10.0.0.2:3000", "10.0.0.3:3000")
      await kubernetes.put("a", slice("10.0.0.9"))
      await says("10.0.0.2:3000", "10.0.0.3:3000", "10.0.0.9:3000")
      await kubernetes.remove("b")
      await says("10.0.0.9:3000")
      await kubernetes.put("c", slice("10.0.0.4"))
      await says("10.0.0.4:3000", "10.0.0.9:3000")
      for (const name of ["a", "c"]) await kubernetes.remove(name)
      await says()
    },
  },
  {
    name: "more slices than a page",
    async run(kubernetes, t) {
      const many = Array.from({ length: 600 }, (_, at) => at)
      for (const at of many) await kubernetes.put(`s${at}`, slice(`10.1.${at >> 8}.${at & 255}`))
      const { answers, says } = source(t, kubernetes)
      const addresses = many.map((at) => `10.1.${at >> 8}.${at & 255}:3000`).sort()
      await says(...addresses)
      assert.equal(answers.length, 1)
      for (const at of many) await kubernetes.remove(`s${at}`)
      await says()
    },
  },
  {
    name: "one that terminates drains while it serves",
    async run(kubernetes, t) {
      const withConditions = (conditions: object): EndpointSlice => ({
        ...slice(),
        endpoints: [{ addresses: ["10.0.0.1"], conditions, zone: "west" }],
      })
      await kubernetes.put("a", withConditions({ ready: true, serving: true, terminating: false }))
      const { answers, says } = source(t, kubernetes)
      await says("10.0.0.1:3000")
      assert.equal(answers.at(-1)![0]!.zone, "west")
      await kubernetes.put("a", withConditions({ ready: false, serving: true, terminating: true }))
      await says("10.0.0.1:3000 draining")
      await kubernetes.put("a", withConditions({ ready: false, serving: false, terminating: true }))
      await says()
      await kubernetes.remove("a")
    },
  },
  {
    name: "slices of other services are no part of it",
    async run(kubernetes, t) {
      await kubernetes.put("a", slice("10.0.0.1"))
      await kubernetes.put("other", slice("10.0.0.2"), "other")
      await kubernetes.put("b", slice("10.0.0.3"))
      await source(t, kubernetes).says("10.0.0.1:3000", "10.0.0.3:3000")
      for (const name of ["a", "b", "other"]) await kubernetes.remove(name)
    },
  },
  {
    name: "away for a moment: the last answer holds, and the watch goes on",
    async run(kubernetes, t) {
      await kubernetes.put("a", slice("10.0.0.1"))
      const { answers, says } = source(t, kubernetes)
      await says("10.0.0.1:3000")
      await kubernetes.restart()
      await kubernetes.put("a", slice("10.0.0.2"))
      await says("10.0.0.2:3000")
      assert.ok(answers.every((answer) => answer.length === 1))
      await kubernetes.remove("a")
      await says()
    },
  },
  {
    name: "410 Gone: all is listed again",
    async run(kubernetes, t) {
      await kubernetes.put("a", slice("10.0.0.1"))
      const { says, fails } = source(t, kubernetes)
      await says("10.0.0.1:3000")
      await kubernetes.restartWithoutPast()
      await kubernetes.put("a", slice("10.0.0.2"))
      await says("10.0.0.2:3000")
      await fails(/410/)
      await kubernetes.remove("a")
      await says()
    },
  },
]
