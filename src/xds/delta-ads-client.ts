import { checkNames, MESSAGE_MAX, type Nack, type SubscriptionView, WHOLE } from "./ads-client.ts"
import type { ResourceStore } from "./store.ts"
import { TYPE_URLS, type TypeUrl } from "./type-urls.ts"

/** What the server reads of a DeltaDiscoveryRequest. */
export interface DeltaAdsRequest {
  readonly typeUrl: string
  readonly subscribe: readonly string[]
  readonly unsubscribe: readonly string[]
  /** What the client has of an earlier stream, by name: its version. */
  readonly held: ReadonlyMap<string, string>
  /** Empty: no answer to a response. */
  readonly responseNonce: string
  /** A NACK says why. */
  readonly error: string | null
}

export interface DeltaAdsResponse {
  readonly type: TypeUrl
  readonly version: string
  readonly nonce: string
  /** With the version of each. */
  readonly resources: readonly (readonly [name: string, version: string])[]
  /** What is gone, or was asked for and is not there. */
  readonly removed: readonly string[]
}

/** Asks for all that there is, of the types that can be had so. */
const WILDCARD = "*"

/** In the place of a version, of what was given up while all are wanted. */
const SAY_AGAIN = ""

/** What one client has of one type. */
interface Subscription {
  isWildcard: boolean
  readonly names: Set<string>
  /** By name, the version that it was sent; null: that there is none; or `SAY_AGAIN`. */
  readonly sent: Map<string, string | null>
  nonce: string
  sentVersion: string
  ackedVersion: string
  nack: Nack | null
  /** A response that is neither taken nor refused. */
  isAwaiting: boolean
}

/**
 * One client's stream of delta ADS: what it asked for, what it was sent, what it took. No socket here: requests in,
 * responses out. (xDS protocol, "Incremental xDS"; as with state of the world, a type has one response under way.)
 */
export class DeltaAdsClient {
  readonly #store: ResourceStore
  readonly #subscriptions = new Map<TypeUrl, Subscription>()
  #nonces = 0

  constructor(store: ResourceStore) {
    this.#store = store
  }

  /** Returns a NACK, if it is one. Errors: throws, in a sentence, where the client asks for too much. */
  receive(request: DeltaAdsRequest, nowMs: number): Nack | null {
    const type = request.typeUrl as TypeUrl
    // Of other types there is nothing: no answer, as the protocol has it.
    if (!TYPE_URLS.includes(type)) return null
    const known = this.#subscriptions.get(type)
    const subscription = known ?? newSubscription(WHOLE.has(type) && request.subscribe.length === 0)
    this.#subscriptions.set(type, subscription)
    this.#ask(subscription, request)
    const { names, sent, isWildcard } = subscription
    if (known === undefined)
      for (const [name, version] of request.held) if (isWildcard || names.has(name)) sent.set(name, version)
    const all = [...this.#subscriptions.values()]
    checkNames(all.flatMap((each) => [each.names, namesToSayAgain(each)]))
    // Apart: who comes again holds what it asks for.
    checkNames([request.held.keys()])
    return this.#answered(subscription, request, nowMs)
  }

  /** Changes count whatever response they came with: there is no later request that would say them again. */
  #ask(subscription: Subscription, { subscribe, unsubscribe }: DeltaAdsRequest): void {
    const { names, sent } = subscription
    for (const name of subscribe) {
      if (name === WILDCARD) subscription.isWildcard = true
      else names.add(name)
      // What is asked for once more is sent once more: the client may have dropped it.
      sent.delete(name)
    }
    for (const name of unsubscribe) {
      if (name === WILDCARD) subscription.isWildcard = false
      names.delete(name)
      // Where all are wanted, that one too: it is said again what there is of it.
      sent.set(name, SAY_AGAIN)
    }
    if (subscription.isWildcard) return
    for (const name of sent.keys()) if (!names.has(name)) sent.delete(name)
  }

  #answered(
    subscription: Subscription,
    { responseNonce, error }: DeltaAdsRequest,
    nowMs: number,
  ): Nack | null {
    if (!subscription.isAwaiting || responseNonce !== subscription.nonce) return null
    subscription.isAwaiting = false
    const { sentVersion: version } = subscription
    subscription.nack = error === null ? null : { version, message: error.slice(0, MESSAGE_MAX), atMs: nowMs }
    if (error === null) subscription.ackedVersion = version
    return subscription.nack
  }

  /** What is to be sent now; null: nothing, until the client says something or resources change. */
  next(): DeltaAdsResponse | null {
    for (const type of TYPE_URLS) {
      const subscription = this.#subscriptions.get(type)
      if (subscription === undefined || subscription.isAwaiting) continue
      const { resources, removed } = this.#due(type, subscription)
      if (resources.length + removed.length === 0) continue
      for (const [name, version] of resources) subscription.sent.set(name, version)
      for (const name of removed)
        if (subscription.names.has(name)) subscription.sent.set(name, null)
        else subscription.sent.delete(name)
      subscription.isAwaiting = true
      subscription.nonce = String(++this.#nonces)
      subscription.sentVersion = this.#store.versionText(type)
      return { type, version: subscription.sentVersion, nonce: subscription.nonce, resources, removed }
    }
    return null
  }

  #due(
    type: TypeUrl,
    { isWildcard, names, sent }: Subscription,
  ): Pick<DeltaAdsResponse, "resources" | "removed"> {
    const store = this.#store
    const isThere = (name: string): boolean => store.get(type, name) !== null
    const wanted = isWildcard ? new Set([...names, ...store.names(type)]) : names
    const resources: [string, string][] = []
    const removed: string[] = []
    for (const name of wanted) {
      if (isThere(name)) {
        const version = store.versionText(type, store.versionOf(type, name))
        if (sent.get(name) !== version) resources.push([name, version])
      } else if (sent.get(name) !== null) removed.push(name)
    }
    for (const name of sent.keys()) if (!wanted.has(name)) removed.push(name)
    return { resources, removed }
  }

  get subscriptions(): SubscriptionView[] {
    return TYPE_URLS.flatMap((type) => {
      const subscription = this.#subscriptions.get(type)
      if (subscription === undefined) return []
      const { isWildcard, names, sentVersion, ackedVersion, nack } = subscription
      return [{ type, names: [...(isWildcard ? [WILDCARD] : []), ...names], sentVersion, ackedVersion, nack }]
    })
  }
}

function* namesToSayAgain({ sent }: Subscription): Generator<string> {
  for (const [name, version] of sent) if (version === SAY_AGAIN) yield name
}

function newSubscription(isWildcard: boolean): Subscription {
  return {
    isWildcard,
    names: new Set(),
    sent: new Map(),
    nonce: "",
    sentVersion: "",
    ackedVersion: "",
    nack: null,
    isAwaiting: false,
  }
}
