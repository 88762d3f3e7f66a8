import { createFileRegistry, type FileRegistry, fromBinary } from "@bufbuild/protobuf"
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt"
import { GrpcStatus } from "../../grpc/status.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { CallContext } from "../../relay/call/call-context.ts"
import type { Route } from "../../relay/route/route.ts"
import { InternalCall } from "./internal-call.ts"
import { fillJsonNames } from "./names.ts"

const TIMEOUT_MS = 10_000
/** A service that needs more than this is no service, or an attack by its backend. */
const FILES_MAX = 2000
const OCTETS_MAX = 32 * 1024 * 1024

/** Both have the same messages: grpc/reflection/v1/reflection.proto, and v1alpha's. */
const METHODS = [
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
]

/** Field numbers of ServerReflectionRequest and ServerReflectionResponse. */
const ASK = { fileByFilename: 3, fileContainingSymbol: 4 }
const ANSWER = { fileDescriptorResponse: 4, errorResponse: 7 }

/** Why there are no types. */
export class TypesError extends Error {
  readonly failure: Failure

  constructor(what: Failure) {
    super(what.message)
    this.failure = what
  }
}

/** What a client is told when there are no types. */
export function failureOf(error: Error): Failure {
  return error instanceof TypesError ? error.failure : failure("upstream_malformed", error.message)
}

/**
 * The files that define `service`, as the route's cluster tells by server reflection (v1, then v1alpha).
 * Errors: `TypesError`.
 */
export async function reflect(
  context: CallContext,
  route: Route,
  authority: string,
  service: string,
): Promise<FileRegistry> {
  for (const path of METHODS) {
    const session = new ReflectionSession(context, route, authority, path)
    try {
      return await session.load(service)
    } catch (error) {
      if (!(error instanceof TypesError) || session.grpcStatus !== GrpcStatus.UNIMPLEMENTED) throw error
    } finally {
      session.close()
    }
  }
  throw new TypesError(
    failure(
      "no_route",
      "the backend has no server reflection, and the route no descriptor set to take its place",
      true,
    ),
  )
}

interface Question {
  resolve: (files: FileDescriptorProto[]) => void
  reject: (error: Error) => void
}

/** One reflection stream: one question at a time. */
class ReflectionSession {
  /** How the stream ended; -1 while it has not. */
  grpcStatus = -1
  readonly #call: InternalCall
  #question: Question | null = null
  #octets = 0

  constructor(context: CallContext, route: Route, authority: string, path: string) {
    this.#call = new InternalCall({
      context,
      route,
      authority,
      path,
      timeoutMs: TIMEOUT_MS,
      onMessage: (message) => this.#answered(message),
      onStatus: (grpcStatus, message) => this.#ended(grpcStatus, message),
    })
    this.#call.start()
  }

  async load(service: string): Promise<FileRegistry> {
    const files = new Map<string, FileDescriptorProto>()
    const add = (some: FileDescriptorProto[]): void => {
      for (const file of some) files.set(file.name, file)
      if (files.size > FILES_MAX) throw tooMuch(`more than ${FILES_MAX} files`)
    }
    add(await this.#ask(ASK.fileContainingSymbol, service))
    // Some servers send a file alone, some with all it imports.
    for (let missing = missingImport(files); missing !== null; missing = missingImport(files))
      add(await this.#ask(ASK.fileByFilename, missing))
    try {
      return createFileRegistry({
        $typeName: "google.protobuf.FileDescriptorSet",
        file: importedFirst(files),
      })
    } catch (error) {
      throw new TypesError(failure("upstream_malformed", `server reflection: ${(error as Error).message}`))
    }
  }

  close(): void {
    this.#call.halfClose()
  }

  #ask(field: number, text: string): Promise<FileDescriptorProto[]> {
    return new Promise((resolve, reject) => {
      this.#question = { resolve, reject }
      if (this.grpcStatus >= 0) return this.#ended(this.grpcStatus, "the stream has ended")
      this.#call.send(new BinaryWriter().tag(field, WireType.LengthDelimited).string(text).finish())
    })
  }

  #answered(message: Buffer): void {
    const question = this.#question
    this.#question = null
    this.#octets += message.length
    try {
      if (this.#octets > OCTETS_MAX) throw tooMuch(`more than ${OCTETS_MAX} octets`)
      question?.resolve(readAnswer(message))
    } catch (error) {
      question?.reject(error as Error)
    }
  }

  #ended(grpcStatus: number, message: string): void {
    this.grpcStatus = grpcStatus
    const what = failure(
      "upstream_malformed",
      `server reflection: ${message || "the stream ended without an answer"}`,
    )
    this.#question?.reject(new TypesError({ ...what, grpcStatus: grpcStatus || what.grpcStatus }))
    this.#question = null
  }
}

function tooMuch(what: string): TypesError {
  return new TypesError(failure("upstream_malformed", `server reflection: ${what} for one service`))
}

/** The files of a ServerReflectionResponse. */
function readAnswer(message: Buffer): FileDescriptorProto[] {
  const files: FileDescriptorProto[] = []
  const reader = new BinaryReader(message)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === ANSWER.fileDescriptorResponse) {
      const inner = new BinaryReader(reader.bytes())
      while (inner.pos < inner.len) {
        const [number, type] = inner.tag()
        // `bytes` is a view of a buffer that is used again, and descriptors keep theirs.
        if (number === 1)
          files.push(fillJsonNames(fromBinary(FileDescriptorProtoSchema, Uint8Array.from(inner.bytes()))))
        else inner.skip(type)
      }
    } else if (field === ANSWER.errorResponse) throw readError(reader.bytes())
    else reader.skip(wireType)
  }
  return files
}

function readError(message: Uint8Array): TypesError {
  const reader = new BinaryReader(message)
  let text = ""
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === 2) text = reader.string()
    else reader.skip(wireType)
  }
  return new TypesError(failure("no_route", `server reflection: ${text || "no such symbol"}`, true))
}

function missingImport(files: ReadonlyMap<string, FileDescriptorProto>): string | null {
  for (const { dependency } of files.values()) {
    const missing = dependency.find((name) => !files.has(name))
    if (missing !== undefined) return missing
  }
  return null
}

/** Every file after those it imports. */
function importedFirst(files: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const sorted = new Set<FileDescriptorProto>()
  const visiting = new Set<string>()
  const visit = (name: string): void => {
    const file = files.get(name)
    if (file === undefined || visiting.has(name)) return
    visiting.add(name)
    for (const each of file.dependency) visit(each)
    sorted.add(file)
  }
  for (const name of files.keys()) visit(name)
  return [...sorted]
}
