import { WireType } from "../../grpc/wire-type.ts"
import { MessageFault } from "./fault.ts"
import { featuresOfSyntax } from "./features.ts"
import type { EnumType, FieldType, MessageType, TypeNames } from "./message-type.ts"
import { ownForms } from "./own-forms.ts"
import {
  compileEnum,
  compileExtension,
  compileMessage,
  type DescriptorScope,
  featuresOf,
  readFields,
  readInner,
  readNumber,
  readText,
  type TypeResolver,
} from "./type-compiler.ts"
import { WireReader } from "./wire-reader.ts"

/** Descriptors gone through in one step: some tens of microseconds. */
const PER_STEP = 100
const DEPTH_MAX = 32

export interface MethodType {
  readonly name: string
  readonly input: MessageType
  readonly output: MessageType
  readonly isClientStreaming: boolean
  readonly isServerStreaming: boolean
  /** Its idempotency level is NO_SIDE_EFFECTS. */
  readonly hasNoSideEffects: boolean
}

/** A descriptor in its file. */
interface Found {
  readonly scope: DescriptorScope
  readonly start: number
  readonly end: number
}

/** What a file is without its types. */
export interface FileHead {
  readonly name: string
  readonly dependencies: readonly string[]
}

/** Errors: `MessageFault`. */
export function readFileHead(file: Buffer): FileHead {
  let name = ""
  const dependencies: string[] = []
  readFields(new WireReader(file), {
    1: (at) => (name = readText(at)),
    3: (at) => dependencies.push(readText(at)),
  })
  return { name, dependencies }
}

/**
 * The types of some files, by name. Files are gone through once for their names; a type is compiled when it is first
 * asked for, so that the cost follows what calls use and not what a backend describes.
 */
export class DescriptorIndex implements TypeNames, TypeResolver {
  readonly #found = new Map<string, Found & { isEnum: boolean }>()
  readonly #services = new Map<string, Found>()
  readonly #extensions = new Map<string, [name: string, found: Found][]>()
  readonly #messages = new Map<string, MessageType>()
  readonly #enums = new Map<string, EnumType>()

  /** Goes through `files`, each a FileDescriptorProto; yields now and then. Errors: `MessageFault`. */
  static *build(files: Iterable<Buffer>): Generator<undefined, DescriptorIndex> {
    const index = new DescriptorIndex()
    let steps = 0
    for (const file of files) for (const _ of index.#addFile(file)) if (++steps % PER_STEP === 0) yield
    return index
  }

  /** `build` in one go. */
  static of(files: Iterable<Buffer>): DescriptorIndex {
    const building = DescriptorIndex.build(files)
    for (;;) {
      const { done, value } = building.next()
      if (done === true) return value
    }
  }

  message(name: string): MessageType | undefined {
    const known = ownForms.get(name) ?? this.#messages.get(name)
    if (known !== undefined) return known
    const found = this.#found.get(name)
    if (found === undefined || found.isEnum) return undefined
    const type = compileMessage(name, found.scope, found.start, found.end, this)
    this.#messages.set(name, type)
    return type
  }

  enum(name: string): EnumType | undefined {
    const known = this.#enums.get(name)
    if (known !== undefined) return known
    const found = this.#found.get(name)
    if (found?.isEnum !== true) return undefined
    const type = compileEnum(name, found.scope, found.start, found.end)
    this.#enums.set(name, type)
    return type
  }

  extensionsOf(typeName: string): FieldType[] {
    const found = this.#extensions.get(typeName) ?? []
    return found.map(([name, { scope, start, end }]) => compileExtension(name, scope, start, end, this))
  }

  hasService(name: string): boolean {
    return this.#services.has(name)
  }

  /** Errors: `MessageFault` where its types are missing. */
  method(service: string, name: string): MethodType | undefined {
    const found = this.#services.get(service)
    if (found === undefined) return undefined
    let method: MethodType | undefined
    readFields(new WireReader(found.scope.octets, found.start, found.end), {
      2: (at) => {
        const inner = readInner(at)
        method ??= this.#readMethod(inner, name)
      },
    })
    return method
  }

  /** All methods, by the path that calls them. Errors: `MessageFault` where types are missing. */
  *methods(): Generator<[path: string, method: MethodType]> {
    for (const [service, { scope, start, end }] of this.#services) {
      const names: string[] = []
      readFields(new WireReader(scope.octets, start, end), {
        2: (at) => readFields(readInner(at), { 1: (inner) => names.push(readText(inner)) }),
      })
      for (const name of names) yield [`/${service}/${name}`, this.method(service, name)!]
    }
  }

  /** Compiles every type. Errors: `MessageFault` for the first that is wrong or missing. */
  verify(): void {
    for (const [name, { isEnum }] of this.#found) {
      if (isEnum) this.enum(name)
      else for (const field of this.message(name)!.fields) void (field.message ?? field.enum)
    }
  }

  #readMethod(reader: WireReader, wanted: string): MethodType | undefined {
    let name = ""
    let input = ""
    let output = ""
    let [isClientStreaming, isServerStreaming, hasNoSideEffects] = [false, false, false]
    readFields(reader, {
      1: (at) => (name = readText(at)),
      2: (at) => (input = readText(at).replace(/^\./, "")),
      3: (at) => (output = readText(at).replace(/^\./, "")),
      4: (at) =>
        readFields(readInner(at), { 34: (options) => (hasNoSideEffects = readNumber(options) === 1) }),
      5: (at) => (isClientStreaming = readNumber(at) !== 0),
      6: (at) => (isServerStreaming = readNumber(at) !== 0),
    })
    if (name !== wanted) return undefined
    const type = (of: string): MessageType => {
      const message = this.message(of)
      if (message === undefined)
        throw new MessageFault("unknown", `type ${of} of method ${name} is not in the descriptors`)
      return message
    }
    return {
      name,
      input: type(input),
      output: type(output),
      isClientStreaming,
      isServerStreaming,
      hasNoSideEffects,
    }
  }

  // ---- Going through files --------------------------------------------------------------------------------------

  *#addFile(octets: Buffer): Generator<undefined> {
    let scopeName = ""
    let syntax = ""
    const parts = collect(new WireReader(octets), [4, 5, 6, 7, 8], {
      2: (at) => (scopeName = readText(at)),
      12: (at) => (syntax = readText(at)),
    })
    const options = parts[8]?.at(-1)
    const features = featuresOf(
      options === undefined ? null : readerOf(octets, options),
      50,
      featuresOfSyntax(syntax),
    )
    const scope: DescriptorScope = { octets, features }
    yield
    for (const part of parts[4] ?? []) yield* this.#addMessage(scope, scopeName, part, 0)
    for (const part of parts[5] ?? []) {
      this.#add(scope, scopeName, part, true)
      yield
    }
    for (const part of parts[6] ?? []) {
      this.#services.set(joined(scopeName, nameOf(octets, part)), { scope, ...part })
      yield
    }
    for (const part of parts[7] ?? []) {
      this.#addExtension(scope, scopeName, part)
      yield
    }
  }

  *#addMessage(scope: DescriptorScope, parent: string, part: Part, depth: number): Generator<undefined> {
    if (depth > DEPTH_MAX) throw new MessageFault("malformed", "descriptors within descriptors without end")
    const name = this.#add(scope, parent, part, false)
    const parts = collect(readerOf(scope.octets, part), [3, 4, 6, 7], {})
    yield
    if (parts[3] === undefined && parts[4] === undefined && parts[6] === undefined) return
    const options = parts[7]?.at(-1)
    const features = featuresOf(
      options === undefined ? null : readerOf(scope.octets, options),
      12,
      scope.features,
    )
    const inner: DescriptorScope = features === scope.features ? scope : { octets: scope.octets, features }
    for (const nested of parts[3] ?? []) yield* this.#addMessage(inner, name, nested, depth + 1)
    for (const nested of parts[4] ?? []) {
      this.#add(inner, name, nested, true)
      yield
    }
    for (const nested of parts[6] ?? []) {
      this.#addExtension(inner, name, nested)
      yield
    }
  }

  #add(scope: DescriptorScope, parent: string, part: Part, isEnum: boolean): string {
    const name = joined(parent, nameOf(scope.octets, part))
    this.#found.set(name, { scope, ...part, isEnum })
    return name
  }

  #addExtension(scope: DescriptorScope, parent: string, part: Part): void {
    let name = ""
    let extendee = ""
    readFields(readerOf(scope.octets, part), {
      1: (at) => (name = readText(at)),
      2: (at) => (extendee = readText(at).replace(/^\./, "")),
    })
    const known = this.#extensions.get(extendee) ?? []
    known.push([joined(parent, name), { scope, ...part }])
    this.#extensions.set(extendee, known)
  }
}

interface Part {
  readonly start: number
  readonly end: number
}

/** Where the fields of these numbers stand; `others` are read. */
function collect(
  reader: WireReader,
  numbers: readonly number[],
  others: Record<number, (reader: WireReader) => void>,
): Partial<Record<number, Part[]>> {
  const parts: Partial<Record<number, Part[]>> = {}
  const readers = { ...others }
  for (const number of numbers)
    readers[number] = (at) => {
      const { at: start, end } = readInner(at)
      const known = parts[number]
      if (known === undefined) parts[number] = [{ start, end }]
      else known.push({ start, end })
    }
  readFields(reader, readers)
  return parts
}

function readerOf(octets: Buffer, { start, end }: Part): WireReader {
  return new WireReader(octets, start, end)
}

function nameOf(octets: Buffer, part: Part): string {
  const reader = readerOf(octets, part)
  // Everything that writes descriptors begins with the name.
  if (!reader.isAtEnd && reader.tag() === 1 && reader.wireType === WireType.LENGTH) return readText(reader)
  let name = ""
  readFields(readerOf(octets, part), { 1: (at) => (name = readText(at)) })
  return name
}

function joined(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`
}
