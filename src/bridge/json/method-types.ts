import { counterIds } from "../../base/counters.ts"
import { GrpcStatus } from "../../grpc/status.ts"
import { failure } from "../../record/failure.ts"
import type { CallContext } from "../../relay/call/call-context.ts"
import type { Route } from "../../relay/route/route.ts"
import type { MessageWork } from "../shared/message-work.ts"
import { type Caller, credentialsKey } from "./caller.ts"
import { descriptorSetOf } from "./check-descriptor-sets.ts"
import { DescriptorIndex, type MethodType } from "./descriptor-index.ts"
import { type Asker, type DescriptorFiles, reflect, TypesError } from "./reflection.ts"

/** Types older than this are asked for anew; the old ones serve until the new ones are there. */
const REFRESH_MS = 10 * 60_000
/** After this, a method or service that was not known is asked for again. */
const RETRY_MS = 5_000
/** Something that is not known makes ask again no sooner than this; each time that brings nothing new, twice as late. */
const UNKNOWN_MS = { first: 1_000, most: 60_000 }

/** The method of a path, with all the types that its messages may hold. */
export interface MethodTypes {
  readonly method: MethodType
  readonly names: DescriptorIndex
  /**
   * Something was met that these do not have. Resolves to newer ones, or to these where there are none; null: they are
   * too young to ask again.
   */
  newer(): Promise<MethodTypes> | null
}

/** The types of one service, as some callers are shown them. */
interface Entry {
  readonly service: string
  readonly key: string
  readonly asker: Asker
  types: Promise<Types>
  /** Once they are there. */
  known: Types | null
  askedMs: number
  /** Newer ones that were asked for; the old ones, where there are none. */
  coming: Promise<Types> | null
  /**
   * Connections to the cluster when the types were told. One that is not among them may lead to a newer backend; where
   * all are gone, the next one will.
   */
  connections: WeakSet<object>
  hadConnections: boolean
  unknownMs: number
}

interface Types {
  readonly index: DescriptorIndex
  readonly files: DescriptorFiles
  readonly octets: number
}

/** Where a route's types come from: its descriptor set, else its cluster, asked by server reflection. */
export class TypeSource {
  readonly #context: CallContext
  readonly #work: MessageWork
  readonly #route: Route
  /** By service, and for those that have to show credentials by these too; the oldest first. */
  readonly #entries = new Map<string, Entry>()
  /** Services whose types are not told to everyone, and when that was found. */
  readonly #guarded = new Map<string, number>()
  #descriptorSet: Promise<DescriptorIndex> | null = null

  constructor(context: CallContext, work: MessageWork, route: Route) {
    this.#context = context
    this.#work = work
    this.#route = route
  }

  /** `path` is `/package.Service/Method`. Errors: `TypesError`, with what the client is to be told. */
  async find(path: string, caller: Caller): Promise<MethodTypes> {
    const [, service, name] = path.split("/") as [string, string, string]
    const { descriptorSet } = this.#route.settings.bridge
    if (descriptorSet !== null) {
      const index = await this.#read(descriptorSet)
      const method = index.method(service, name)
      if (method === undefined) throw unknownMethod(path)
      return { method, names: index, newer: () => null }
    }
    const credentials = credentialsKey(caller)
    if (credentials !== null && this.#isGuarded(service))
      return this.#findFor(path, service, name, this.#asCaller(caller), credentials)
    const everyone: Asker = { authority: caller.head.authority, metadata: [], connection: null }
    try {
      return await this.#findFor(path, service, name, everyone, "")
    } catch (error) {
      if (credentials === null || !(error instanceof TypesError) || !error.mayDependOnCaller) throw error
      const found = await this.#findFor(path, service, name, this.#asCaller(caller), credentials)
      this.#guard(service)
      return found
    }
  }

  #asCaller({ head, connection }: Caller): Asker {
    return { authority: head.authority, metadata: head.list.fields, connection }
  }

  /** Not without end: a backend may show its types to everyone from some day on. */
  #isGuarded(service: string): boolean {
    const sinceMs = this.#guarded.get(service)
    if (sinceMs === undefined) return false
    if (this.#context.clock.now() - sinceMs < REFRESH_MS) return true
    this.#guarded.delete(service)
    return false
  }

  #guard(service: string): void {
    if (this.#guarded.size >= this.#context.limits.reflectedServicesMax) this.#guarded.clear()
    this.#guarded.set(service, this.#context.clock.now())
  }

  // ---- Types of a service, for those who share them -------------------------------------------------------------

  async #findFor(
    path: string,
    service: string,
    name: string,
    asker: Asker,
    credentials: string,
  ): Promise<MethodTypes> {
    const key = `${service} ${credentials}`
    const known = this.#entries.get(key)
    if (known === undefined) {
      const entry = this.#add(service, key, asker)
      return this.#methodOf(entry, await entry.types, name) ?? unknown(path)
    }
    const types = await known.types.catch(() => null)
    const found = types === null ? null : this.#methodOf(known, types, name)
    const ageMs = this.#context.clock.now() - known.askedMs
    if (found !== null) {
      if (ageMs >= REFRESH_MS || (ageMs >= UNKNOWN_MS.first && this.#mayHaveNewBackend(known)))
        void this.#refresh(known)
      return found
    }
    if (known.coming === null && ageMs < RETRY_MS && !this.#mayHaveNewBackend(known))
      throw (await rejection(known.types)) ?? unknownMethod(path)
    return this.#methodOf(known, await this.#refresh(known), name) ?? unknown(path)
  }

  #methodOf(entry: Entry, { index }: Types, name: string): MethodTypes | null {
    const method = index.method(entry.service, name)
    if (method === undefined) return null
    const types: MethodTypes = { method, names: index, newer: () => this.#newer(entry, types) }
    return types
  }

  #newer(entry: Entry, old: MethodTypes): Promise<MethodTypes> | null {
    const newest = entry.known
    // Newer ones have come since the call began.
    if (newest !== null && newest.index !== old.names)
      return Promise.resolve(this.#methodOf(entry, newest, old.method.name) ?? old)
    const ageMs = this.#context.clock.now() - entry.askedMs
    if (entry.coming === null && ageMs < entry.unknownMs && !this.#mayHaveNewBackend(entry)) return null
    return this.#refresh(entry).then((types) => this.#methodOf(entry, types, old.method.name) ?? old)
  }

  #add(service: string, key: string, asker: Asker): Entry {
    const entry: Entry = {
      service,
      key,
      asker,
      types: this.#ask(service, asker, key),
      known: null,
      askedMs: this.#context.clock.now(),
      coming: null,
      connections: new WeakSet(),
      hadConnections: false,
      unknownMs: UNKNOWN_MS.first,
    }
    this.#entries.set(key, entry)
    this.#forgetOldest(entry)
    entry.types.then(
      (types) => this.#told(entry, types),
      (error: unknown) => {
        // That there are none is remembered for a while; that no backend could be asked is not.
        const isLasting = error instanceof TypesError && error.failure.grpcStatus === GrpcStatus.UNIMPLEMENTED
        if (!isLasting && this.#entries.get(key) === entry) this.#entries.delete(key)
        else this.#noteConnections(entry)
      },
    )
    return entry
  }

  /** Asks anew for what is known; who needs nothing newer need not wait. */
  #refresh(entry: Entry): Promise<Types> {
    if (entry.coming !== null) return entry.coming
    entry.askedMs = this.#context.clock.now()
    const old = entry.types
    // The old types are better than none.
    const coming = this.#ask(entry.service, entry.asker, entry.key).catch(() => old)
    entry.coming = coming
    coming.then(
      (types) => {
        const isNews = entry.known?.index !== types.index
        entry.unknownMs = isNews ? UNKNOWN_MS.first : Math.min(2 * entry.unknownMs, UNKNOWN_MS.most)
        entry.types = coming
        entry.coming = null
        this.#told(entry, types)
      },
      () => {
        entry.types = coming
        entry.coming = null
        this.#noteConnections(entry)
      },
    )
    return coming
  }

  #told(entry: Entry, types: Types): void {
    entry.known = types
    this.#noteConnections(entry)
    this.#forgetOldest(entry)
  }

  async #ask(service: string, asker: Asker, key: string): Promise<Types> {
    const files = await reflect(this.#context, this.#work, this.#route, asker, service)
    // Most answers are the same: what is known of them is kept, for all whom they are told.
    const same = [this.#entries.get(key), this.#entries.get(`${service} `), ...this.#entries.values()]
    for (const entry of same)
      if (entry?.service === service && entry.known !== null && areEqual(entry.known.files, files))
        return entry.known
    let octets = 0
    for (const file of files.values()) octets += file.length
    try {
      const index = await this.#work.run(DescriptorIndex.build(files.values()))
      return { index, files, octets }
    } catch (error) {
      throw new TypesError(failure("upstream_malformed", `server reflection: ${(error as Error).message}`))
    }
  }

  #forgetOldest(kept: Entry): void {
    const { limits, counters } = this.#context
    // The newest last. One that was forgotten meanwhile stays so.
    if (this.#entries.get(kept.key) !== kept) return
    this.#entries.delete(kept.key)
    this.#entries.set(kept.key, kept)
    for (const [key, entry] of this.#entries) {
      const isTooMany = this.#entries.size > limits.reflectedServicesMax
      const isTooMuch = this.#octetsKept() > limits.descriptorOctetsMax
      if (entry === kept || (!isTooMany && !isTooMuch)) return
      counters.add(isTooMany ? counterIds.reflected_services_exceeded : counterIds.descriptors_too_large)
      this.#entries.delete(key)
    }
  }

  #octetsKept(): number {
    const all = new Set([...this.#entries.values()].map(({ known }) => known))
    let octets = 0
    for (const types of all) octets += types?.octets ?? 0
    return octets
  }

  // ---- Backends -------------------------------------------------------------------------------------------------

  #noteConnections(entry: Entry): void {
    const connections = this.#connections()
    entry.connections = new WeakSet(connections)
    entry.hadConnections = connections.length > 0
  }

  #mayHaveNewBackend({ connections, hadConnections }: Entry): boolean {
    const now = this.#connections()
    return (now.length === 0 && hadConnections) || now.some((one) => !connections.has(one))
  }

  /** To the route's cluster; none where it is another one for each call. */
  #connections(): object[] {
    const cluster = this.#route.findCluster()
    if (cluster === undefined) return []
    return [...cluster.endpoints].flatMap((endpoint) =>
      cluster.poolsOf(endpoint).flatMap(({ connections }) => connections),
    )
  }

  #read(path: string): Promise<DescriptorIndex> {
    const read = async (): Promise<DescriptorIndex> => {
      try {
        return await this.#work.run(DescriptorIndex.build(descriptorSetOf(path)))
      } catch (error) {
        this.#descriptorSet = null
        throw new TypesError(failure("no_route", (error as Error).message, true))
      }
    }
    return (this.#descriptorSet ??= read())
  }
}

function areEqual(one: DescriptorFiles, other: DescriptorFiles): boolean {
  if (one.size !== other.size) return false
  for (const [name, file] of one) if (other.get(name)?.equals(file) !== true) return false
  return true
}

async function rejection(types: Promise<unknown>): Promise<Error | null> {
  return types.then(
    () => null,
    (error: Error) => error,
  )
}

function unknownMethod(path: string): TypesError {
  return new TypesError(failure("no_route", `unknown method ${path}`, true))
}

function unknown(path: string): never {
  throw unknownMethod(path)
}
