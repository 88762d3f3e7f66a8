import { readFileSync } from "node:fs"
import { createFileRegistry, type DescMethod, type FileRegistry, fromBinary } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { GrpcStatus } from "../../grpc/status.ts"
import { failure } from "../../record/failure.ts"
import type { CallContext } from "../../relay/call/call-context.ts"
import type { Route } from "../../relay/route/route.ts"
import { fillJsonNames } from "./names.ts"
import { reflect, TypesError } from "./reflection.ts"

/** Types older than this are asked for anew; the old ones serve until the new ones are there. */
const REFRESH_MS = 10 * 60_000
/** After this, a method or service that was not known is asked for again. */
const RETRY_MS = 5_000
/** Services remembered for one route; then all are forgotten. */
const SERVICES_MAX = 1000

/** The method of a path, with all the types that its messages may hold. */
export interface MethodTypes {
  readonly method: DescMethod
  readonly registry: FileRegistry
}

interface Entry {
  types: Promise<FileRegistry>
  askedMs: number
  /** Newer ones that were asked for; the old ones, where there are none. */
  coming: Promise<FileRegistry> | null
}

/** Reads a FileDescriptorSet. Errors: a sentence that names the file. */
export function readDescriptorSet(path: string): FileRegistry {
  try {
    const set = fromBinary(FileDescriptorSetSchema, readFileSync(path))
    for (const file of set.file) fillJsonNames(file)
    return createFileRegistry(set)
  } catch (error) {
    throw new Error(`cannot read the descriptor set ${path}: ${(error as Error).message}`)
  }
}

/** Where a route's types come from: its descriptor set, else its cluster, asked by server reflection. */
export class TypeSource {
  readonly #context: CallContext
  readonly #route: Route
  readonly #services = new Map<string, Entry>()
  #descriptorSet: FileRegistry | null = null

  constructor(context: CallContext, route: Route) {
    this.#context = context
    this.#route = route
  }

  /** `path` is `/package.Service/Method`. Errors: `TypesError`, with what the client is to be told. */
  async find(path: string, authority: string): Promise<MethodTypes> {
    const [, service, name] = path.split("/") as [string, string, string]
    const nowMs = this.#context.clock.now()
    const known = this.#services.get(service)
    if (known !== undefined) {
      const found = lookUp(await known.types.catch(() => null), service, name)
      const ageMs = nowMs - known.askedMs
      if (found !== null) {
        if (ageMs >= REFRESH_MS) void this.#refresh(known, service, authority)
        return found
      }
      if (ageMs < RETRY_MS && known.coming === null)
        throw (await rejection(known.types)) ?? unknownMethod(path)
    }
    const asked =
      known === undefined ? this.#ask(service, authority) : this.#refresh(known, service, authority)
    const found = lookUp(await asked, service, name)
    if (found === null) throw unknownMethod(path)
    return found
  }

  #ask(service: string, authority: string): Promise<FileRegistry> {
    const { descriptorSet } = this.#route.settings.bridge
    if (descriptorSet !== null) return this.#read(descriptorSet)
    const types = reflect(this.#context, this.#route, authority, service)
    if (this.#services.size >= SERVICES_MAX) this.#services.clear()
    const entry: Entry = { types, askedMs: this.#context.clock.now(), coming: null }
    this.#services.set(service, entry)
    types.catch((error: unknown) => {
      // That there are none is remembered for a while; that nobody could be asked is not.
      const isLasting = error instanceof TypesError && error.failure.grpcStatus === GrpcStatus.UNIMPLEMENTED
      if (!isLasting && this.#services.get(service) === entry) this.#services.delete(service)
    })
    return types
  }

  /** Asks anew for what is known; who needs nothing newer need not wait. */
  #refresh(known: Entry, service: string, authority: string): Promise<FileRegistry> {
    if (known.coming !== null) return known.coming
    known.askedMs = this.#context.clock.now()
    // The old types are better than none.
    const coming = reflect(this.#context, this.#route, authority, service).catch(() => known.types)
    known.coming = coming
    const came = (): void => {
      known.types = coming
      known.coming = null
    }
    coming.then(came, came)
    return coming
  }

  async #read(path: string): Promise<FileRegistry> {
    try {
      return (this.#descriptorSet ??= readDescriptorSet(path))
    } catch (error) {
      throw new TypesError(failure("no_route", (error as Error).message, true))
    }
  }
}

function lookUp(registry: FileRegistry | null, service: string, name: string): MethodTypes | null {
  const method = registry?.getService(service)?.methods.find((each) => each.name === name)
  return method === undefined ? null : { method, registry: registry! }
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
