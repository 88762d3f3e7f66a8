import { connectivityState, experimental, Metadata, status } from "@grpc/grpc-js"
import { systemClock } from "../base/clock.ts"
import { systemRandom } from "../base/random.ts"
import { Endpoint } from "../cluster/endpoint.ts"
import { makePolicy, type Policy } from "../cluster/policies/make-policy.ts"
import type { Picker, PickSubject } from "../cluster/policies/policy.ts"
import { hostAddress, unixAddress } from "../config/address.ts"
import { defaultEndpoint } from "../config/defaults.ts"
import type { PolicyConfig } from "../config/model.ts"

/** As the service config names it. */
export const CONFIG_NAME = "sluice"

/** What a snapshot says of one endpoint. */
export interface MemberSettings {
  readonly weight: number
  readonly priority: number
}

class Config implements experimental.TypedLoadBalancingConfig {
  readonly policy: PolicyConfig
  readonly members: Readonly<Record<string, MemberSettings>>

  constructor(policy: PolicyConfig, members: Readonly<Record<string, MemberSettings>>) {
    this.policy = policy
    this.members = members
  }

  getLoadBalancerName(): string {
    return CONFIG_NAME
  }

  toJsonObject(): object {
    return { [CONFIG_NAME]: { policy: this.policy, members: this.members } }
  }

  static createFromJson({ policy, members = {} }: Partial<Config>): Config {
    return new Config(policy ?? { name: "least_streams" }, members)
  }
}

/** One address, with its connection and what policies know of it. */
interface Member {
  readonly endpoint: Endpoint
  readonly leaf: experimental.LeafLoadBalancer
}

type Channel = experimental.ChannelControlHelper
type Endpoints = Parameters<experimental.LoadBalancer["updateAddressList"]>[0]

const { READY, CONNECTING, TRANSIENT_FAILURE, IDLE } = connectivityState

/**
 * Balances calls as Sluice would, by its own policies, from this client: over the connected endpoints of the first
 * priority that has any. Connections stay while endpoints come and go.
 */
class SluiceLoadBalancer implements experimental.LoadBalancer {
  readonly #channel: Channel
  /** By address. */
  readonly #members = new Map<string, Member>()
  #config: Config | null = null
  #policy: Policy | null = null
  /** Addresses are about to be told: states of single ones do not matter yet. */
  #isUpdating = false
  #state: connectivityState = IDLE
  #slots = 0
  #lastError = "no endpoint"

  constructor(channel: Channel) {
    this.#channel = channel
  }

  updateAddressList(
    list: Endpoints,
    config: experimental.TypedLoadBalancingConfig,
    options: Parameters<experimental.LoadBalancer["updateAddressList"]>[2],
    note: string,
  ): boolean {
    if (!(config instanceof Config)) return false
    if (!list.ok) {
      if (this.#members.size === 0) this.#unavailable(list.error.details)
      return true
    }
    if (JSON.stringify(config.policy) !== JSON.stringify(this.#config?.policy)) this.#policy = null
    this.#config = config
    this.#policy ??= makePolicy(config.policy)
    this.#isUpdating = true
    const kept = new Set<string>()
    for (const endpoint of list.value) {
      const address = experimental.subchannelAddressToString(endpoint.addresses[0]!)
      kept.add(address)
      let member = this.#members.get(address)
      if (member === undefined) {
        member = this.#join(address, endpoint, options, note)
        this.#members.set(address, member)
        member.leaf.startConnecting()
      }
      const { weight = 1, priority = 0 } = config.members[address] ?? {}
      member.endpoint.weight = weight
      member.endpoint.fullWeight = weight
      member.endpoint.priority = priority
    }
    for (const [address, { leaf }] of this.#members) {
      if (kept.has(address)) continue
      this.#members.delete(address)
      // Its connection ends with its last call.
      leaf.destroy()
    }
    this.#isUpdating = false
    if (this.#members.size === 0) this.#unavailable(`no endpoint: ${note}`)
    else this.#told()
    return true
  }

  #join(
    address: string,
    endpoint: experimental.Endpoint,
    options: Parameters<experimental.LoadBalancer["updateAddressList"]>[2],
    note: string,
  ): Member {
    const [where] = endpoint.addresses
    const config = defaultEndpoint(
      "path" in where! ? unixAddress(where.path) : hostAddress(where!.host, where!.port),
    )
    const helper = experimental.createChildChannelControlHelper(this.#channel, {
      updateState: (state, _picker, error) => {
        if (error !== null) this.#lastError = `${address}: ${error}`
        this.#told()
        // Policies work on connections that are there.
        if (state === IDLE) this.#members.get(address)?.leaf.exitIdle()
      },
    })
    return {
      endpoint: new Endpoint(config, this.#slots++),
      leaf: new experimental.LeafLoadBalancer(endpoint, helper, options, note),
    }
  }

  /** Something is different: the channel gets another picker. */
  #told(): void {
    if (this.#isUpdating) return
    const members = [...this.#members.values()]
    const inState = (state: connectivityState): Member[] =>
      members.filter(({ leaf }) => leaf.getConnectivityState() === state)
    const ready = inState(READY)
    if (ready.length > 0) {
      const first = Math.min(...ready.map(({ endpoint }) => endpoint.priority))
      const chosen = ready.filter(({ endpoint }) => endpoint.priority === first)
      return this.#say(READY, new SluicePicker(chosen, this.#policy!), null)
    }
    if (this.#state === READY) this.#channel.requestReresolution()
    if (inState(TRANSIENT_FAILURE).length === members.length) return this.#unavailable(this.#lastError)
    this.#say(CONNECTING, new experimental.QueuePicker(this), null)
  }

  #unavailable(details: string): void {
    this.#say(TRANSIENT_FAILURE, new experimental.UnavailablePicker({ details }), details)
  }

  #say(state: connectivityState, picker: experimental.Picker, error: string | null): void {
    this.#state = state
    this.#channel.updateState(state, picker, error)
  }

  exitIdle(): void {}

  resetBackoff(): void {}

  destroy(): void {
    for (const { leaf } of this.#members.values()) leaf.destroy()
    this.#members.clear()
  }

  getTypeName(): string {
    return CONFIG_NAME
  }
}

/** One state of the balancer: the members that are connected, and the policy over them. */
class SluicePicker implements experimental.Picker {
  readonly #available: readonly Endpoint[]
  readonly #leaves: ReadonlyMap<Endpoint, experimental.LeafLoadBalancer>
  readonly #policy: Policy
  readonly #picker: Picker

  constructor(members: readonly Member[], policy: Policy) {
    this.#available = members.map(({ endpoint }) => endpoint)
    this.#leaves = new Map(members.map(({ endpoint, leaf }) => [endpoint, leaf]))
    this.#policy = policy
    this.#picker = policy.makePicker(this.#available)
  }

  pick(args: experimental.PickArgs): experimental.PickResult {
    const nowMs = systemClock.now()
    const request = { subject: subjectOf(args.metadata), tried: null, mayWait: false, nowMs }
    const endpoint = this.#picker.pick(this.#available, request, systemRandom)
    if (endpoint === undefined)
      return {
        pickResultType: experimental.PickResultType.TRANSIENT_FAILURE,
        subchannel: null,
        status: { code: status.UNAVAILABLE, details: "no endpoint", metadata: new Metadata() },
        onCallStarted: null,
        onCallEnded: null,
      }
    const picked = this.#leaves.get(endpoint)!.getPicker().pick(args)
    if (picked.pickResultType !== experimental.PickResultType.COMPLETE) return picked
    const { times } = this.#policy
    const call = {}
    return {
      ...picked,
      onCallStarted: () => {
        picked.onCallStarted?.()
        endpoint.tryOpenStream()
        times?.began(call, endpoint, systemClock.now())
      },
      onCallEnded: (...end) => {
        picked.onCallEnded?.(...end)
        endpoint.closeStream()
        times?.answered(call, systemClock.now())
        times?.ended(call)
      },
    }
  }
}

/** `$http_x_session` of a key is the metadata of the call; whatever else a key may name, this client has none of it. */
function subjectOf(metadata: Metadata): PickSubject {
  return {
    render: (template) =>
      template.replace(/\$\{?(\w+)\}?/g, (_, variable: string) => {
        if (!variable.startsWith("http_")) return ""
        return metadata.get(variable.slice("http_".length).replaceAll("_", "-")).join(",")
      }),
  }
}

export function registerLoadBalancer(): void {
  experimental.registerLoadBalancerType(CONFIG_NAME, SluiceLoadBalancer, Config)
}
