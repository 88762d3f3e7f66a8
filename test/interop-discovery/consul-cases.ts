/** What holds of the source for Consul, whether it asks the stand-in or Consul itself. */
import assert from "node:assert/strict"
import { systemClock } from "../../src/base/clock.ts"
import { ConsulSource } from "../../src/control/discovery/consul-source.ts"
import { JsonClient } from "../../src/net/json-client.ts"
import { type Finishing, type Listening, listen } from "./listening.ts"

export interface ConsulInstance {
  id: string
  /** Empty: its node's, 10.9.9.9. */
  address: string
  port: number
  weight?: number
  status?: "passing" | "warning" | "critical"
  zone?: string
}

/** A Consul, real or not. */
export interface ConsulSubject {
  readonly baseUrl: string
  /** All instances of the service `chat`. */
  set(...instances: ConsulInstance[]): Promise<void> | void
  /** It begins anew and has forgotten all, its index too. */
  restart(): Promise<void> | void
}

export interface DiscoveryCase<Subject> {
  readonly name: string
  run(subject: Subject, t: Finishing): Promise<void>
}

function source(t: Finishing, { baseUrl }: ConsulSubject, service = "chat"): Listening {
  const client = new JsonClient({ baseUrl })
  t.onTestFinished(() => client.close())
  const options = { client, service, datacenter: null, tags: [], clock: systemClock, random: () => 0 }
  return listen(t, new ConsulSource(options))
}

export const instance = (number: number, more: Partial<ConsulInstance> = {}): ConsulInstance => ({
  id: String(number),
  address: `10.0.0.${number}`,
  port: 3000,
  ...more,
})

export const consulCases: readonly DiscoveryCase<ConsulSubject>[] = [
  {
    name: "instances come and go, by questions that wait",
    async run(consul, t) {
      await consul.set(instance(1, { weight: 5, zone: "a" }))
      const { answers, says } = source(t, consul)
      await says("10.0.0.1:3000")
      assert.equal(answers[0]![0]!.weight, 5)
      assert.equal(answers[0]![0]!.zone, "a")
      await consul.set(instance(1), instance(2))
      await says("10.0.0.1:3000", "10.0.0.2:3000")
      await consul.set(instance(2))
      await says("10.0.0.2:3000")
      await consul.set()
      await says()
    },
  },
  {
    name: "one whose check warns has its weight for that, one that is critical is left out",
    async run(consul, t) {
      await consul.set(
        instance(1),
        instance(2, { status: "warning", weight: 9 }),
        instance(3, { status: "critical" }),
      )
      const { answers, says } = source(t, consul)
      await says("10.0.0.1:3000", "10.0.0.2:3000")
      assert.deepEqual(
        answers.at(-1)!.map(({ weight }) => weight),
        [1, 1],
      )
      await consul.set(instance(3))
      await says("10.0.0.3:3000")
    },
  },
  {
    name: "an instance without an address is at its node's; without a port it has port 0, which no cluster takes",
    async run(consul, t) {
      await consul.set(
        instance(1, { address: "" }),
        instance(2, { port: 0 }),
        instance(3, { address: "fd00::3" }),
      )
      await source(t, consul).says("10.0.0.2:0", "10.9.9.9:3000", "[fd00::3]:3000")
    },
  },
  {
    name: "of a service that is not there are none, until it is",
    async run(consul, t) {
      const { answers, says } = source(t, consul)
      await consul.set()
      await says()
      await consul.set(instance(1))
      await says("10.0.0.1:3000")
      assert.ok(answers.length <= 4)
    },
  },
  {
    name: "of many changes in a row the last is seen",
    async run(consul, t) {
      const { says } = source(t, consul)
      for (let number = 1; number <= 40; number++) await consul.set(instance(number), instance(number + 1))
      await says("10.0.0.40:3000", "10.0.0.41:3000")
    },
  },
  {
    name: "it begins anew: its index falls, and what it says then is followed",
    async run(consul, t) {
      for (let number = 1; number <= 20; number++) await consul.set(instance(number))
      const { says } = source(t, consul)
      await says("10.0.0.20:3000")
      await consul.restart()
      await consul.set(instance(2))
      await says("10.0.0.2:3000")
    },
  },
]
