import type { ResourceStore } from "./store.ts"
import { CLUSTER, LISTENER, TYPE_URLS, type TypeUrl } from "./type-urls.ts"

/** What the server reads of a DiscoveryRequest. */
export interface AdsRequest {
  readonly typeUrl: string
  readonly resourceNames: readonly string[]
  readonly responseNonce: string
  /** A NACK says why. */
  readonly error: string | null
}

export interface AdsResponse {
  readonly type: TypeUrl
  readonly version: string
  readonly nonce: string
  readonly names: readonly string[]
}

export interface Nack {
  readonly version: string
  readonly message: string
  readonly atMs: number
}

/** What one client has of one type. */
interface Subscription {
  /** Empty: all that there is, of the types that can be had so. */
  names: ReadonlySet<string>
  /** The version of each that was sent. */
  readonly sent: Map<string, number>
  nonce: string
  sentVersion: string
  ackedVersion: string
  nack: Nack | null
  /** A response that is neither taken nor refused: the next waits for that, and tells of the newest alone. */
  isAwaiting: boolean
  /** It asked for something else than before. */
  isAsked: boolean
}

/** What is shown of a client's subscription. */
export interface SubscriptionView {
  readonly type: TypeUrl
  readonly names: readonly string[]
  readonly sentVersion: string
  readonly ackedVersion: string
  readonly nack: Nack | null
}

/** Names that one client may ask for, over all types; and their length in all. */
export const NAMES_MAX = 20_000
const NAME_OCTETS_MAX = 1024 * 1024
export const MESSAGE_MAX = 400

/** All that there is can be asked for; by state of the world, what is missing in a response of these is gone. */
export const WHOLE: ReadonlySet<TypeUrl> = new Set([CLUSTER, LISTENER])

/**
 * One client's stream of ADS, state of the world: what it asked for, what it was sent, what it took. No socket here:
 * requests in, responses out. (xDS protocol, "Variants: SotW"; a response is not sent while the last of its type is
 * neither acknowledged nor refused, so that a slow client costs one response for each type.)
 */
export class AdsClient {
  readonly #store: ResourceStore
  readonly #subscriptions = new Map<TypeUrl, Subscription>()
  #nonces = 0

  constructor(store: ResourceStore) {
    this.#store = store
  }

  /** Returns a NACK, if it is one. Errors: throws, in a sentence, where the client asks for too much. */
  receive(request: AdsRequest, nowMs: number): Nack | null {
    const type = request.typeUrl as TypeUrl
    // Of other types there is nothing: no answer, as the protocol has it.
    if (!TYPE_URLS.includes(type)) return null
    let subscription = this.#subscriptions.get(type)
    if (subscription === undefined) {
      subscription = newSubscription()
      this.#subscriptions.set(type, subscription)
    } else if (request.responseNonce !== subscription.nonce) return null
    const nack = this.#answered(subscription, request, nowMs)
    const names = new Set(request.resourceNames)
    if (!isSame(subscription.names, names)) {
      subscription.names = names
      subscription.isAsked = true
      if (names.size > 0 || !WHOLE.has(type))
        for (const name of subscription.sent.keys()) if (!names.has(name)) subscription.sent.delete(name)
      checkNames([...this.#subscriptions.values()].map((each) => each.names))
    }
    return nack
  }

  #answered(subscription: Subscription, { error }: AdsRequest, nowMs: number): Nack | null {
    if (!subscription.isAwaiting) return null
    subscription.isAwaiting = false
    if (error === null) {
      subscription.ackedVersion = subscription.sentVersion
      subscription.nack = null
      return null
    }
    subscription.nack = {
      version: subscription.sentVersion,
      message: error.slice(0, MESSAGE_MAX),
      atMs: nowMs,
    }
    return subscription.nack
  }

  /** What is to be sent now; null: nothing, until the client says something or resources change. */
  next(): AdsResponse | null {
    for (const type of TYPE_URLS) {
      const subscription = this.#subscriptions.get(type)
      if (subscription === undefined || subscription.isAwaiting) continue
      const names = this.#due(type, subscription)
      if (names === null) continue
      subscription.isAsked = false
      subscription.isAwaiting = true
      subscription.nonce = String(++this.#nonces)
      subscription.sentVersion = this.#store.versionText(type)
      return { type, version: subscription.sentVersion, nonce: subscription.nonce, names }
    }
    return null
  }

  /** The names that a response is to have; null: none is due. */
  #due(type: TypeUrl, subscription: Subscription): string[] | null {
    const store = this.#store
    const { sent, isAsked } = subscription
    const isWhole = WHOLE.has(type)
    const isWildcard = isWhole && subscription.names.size === 0
    const wanted = isWildcard ? store.names(type) : [...subscription.names]
    const there = wanted.filter((name) => store.get(type, name) !== null)
    const changed = there.filter((name) => sent.get(name) !== store.versionOf(type, name))
    const gone = [...sent.keys()].filter((name) => store.get(type, name) === null)
    // Of the other types what is missing cannot be said, and does not end with the response either.
    if (isWhole ? changed.length + gone.length === 0 && !isAsked : changed.length === 0) return null
    for (const name of gone) sent.delete(name)
    for (const name of changed) sent.set(name, store.versionOf(type, name))
    return isWhole ? there : changed
  }

  get subscriptions(): SubscriptionView[] {
    return TYPE_URLS.flatMap((type) => {
      const subscription = this.#subscriptions.get(type)
      if (subscription === undefined) return []
      const { names, sentVersion, ackedVersion, nack } = subscription
      return [{ type, names: [...names], sentVersion, ackedVersion, nack }]
    })
  }
}

/** What a client asked for, over all types. Errors: throws where it is too much. */
export function checkNames(asked: readonly Iterable<string>[]): void {
  let names = 0
  let octets = 0
  for (const each of asked)
    for (const name of each) {
      names++
      octets += name.length
    }
  if (names > NAMES_MAX || octets > NAME_OCTETS_MAX)
    throw new Error(`at most ${NAMES_MAX} names of ${NAME_OCTETS_MAX} octets in all may be asked for`)
}

function newSubscription(): Subscription {
  return {
    names: new Set(),
    sent: new Map(),
    nonce: "",
    sentVersion: "",
    ackedVersion: "",
    nack: null,
    isAwaiting: false,
    isAsked: true,
  }
}

/** In whatever order: clients keep their names in sets. */
function isSame(before: ReadonlySet<string>, after: ReadonlySet<string>): boolean {
  return before.size === after.size && [...before].every((name) => after.has(name))
}
