import { counterIds } from "../../base/counters.ts"
import { GrpcStatus } from "../../grpc/status.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import type { CallContext } from "../../relay/call/call-context.ts"
import type { Route } from "../../relay/route/route.ts"
import { unreadable } from "../shared/message-limits.ts"
import type { MessageWork } from "../shared/message-work.ts"
import { readFileHead } from "./descriptor-index.ts"
import { MessageFault } from "./fault.ts"
import { InternalCall } from "./internal-call.ts"
import { readFields, readInner, readNumber, readText } from "./type-compiler.ts"
import { WireReader } from "./wire-reader.ts"

const TIMEOUT_MS = 10_000
/** A service that needs more than this is no service, or an attack by its backend. */
const FILES_MAX = 20_000
/** Questions on their way at once. */
const QUESTIONS_MAX = 32

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
  /** Another caller may be told more: it was refused, or what was asked for is not shown to everyone. */
  readonly mayDependOnCaller: boolean

  constructor(what: Failure, mayDependOnCaller = false) {
    super(what.message)
    this.failure = what
    this.mayDependOnCaller = mayDependOnCaller
  }
}

/** What a client is told when there are no types. */
export function failureOf(error: Error): Failure {
  if (error instanceof TypesError) return error.failure
  if (error instanceof MessageFault) return unreadable(error.message)
  throw error
}

/** Who asks. */
export interface Asker {
  readonly authority: string
  /** Shown with the question, flat; none: it is asked in Sluice's own name. */
  readonly metadata: readonly string[]
  readonly connection: ConnectionRecord | null
}

/** Files by name, each a FileDescriptorProto. */
export type DescriptorFiles = ReadonlyMap<string, Buffer>

/**
 * The files that define `service`, as the route's cluster tells by server reflection (v1, then v1alpha).
 * Errors: `TypesError`.
 */
export async function reflect(
  context: CallContext,
  work: MessageWork,
  route: Route,
  asker: Asker,
  service: string,
): Promise<DescriptorFiles> {
  for (const path of METHODS) {
    const session = new ReflectionSession(context, work, route, asker, path)
    try {
      return await session.load(service)
    } catch (error) {
      if (!(error instanceof TypesError))
        throw new TypesError(unreadable(`server reflection: ${(error as Error).message}`))
      if (session.grpcStatus !== GrpcStatus.UNIMPLEMENTED) throw error
    } finally {
      session.close()
    }
  }
  throw new TypesError(
    failure(
      "no_route",
      "the backend has no server reflection, and the route no descriptor set (grpc_descriptor_set) to take its place",
      true,
    ),
  )
}

/** One reflection stream. It answers in the order in which it is asked. */
class ReflectionSession {
  /** How the stream ended; -1 while it has not. */
  grpcStatus = -1
  readonly #context: CallContext
  readonly #call: InternalCall
  readonly #files = new Map<string, Buffer>()
  readonly #asked = new Set<string>()
  /** Files that are not there yet, and not asked for. */
  readonly #missing: string[] = []
  /** Answers that are to come. */
  #open = 0
  #octets = 0
  #settle: { resolve: (files: DescriptorFiles) => void; reject: (error: Error) => void } | null = null

  constructor(context: CallContext, work: MessageWork, route: Route, asker: Asker, path: string) {
    this.#context = context
    this.#call = new InternalCall({
      ...asker,
      context,
      work,
      route,
      path,
      timeoutMs: TIMEOUT_MS,
      messageOctetsMax: context.limits.descriptorOctetsMax,
      limit: "descriptorOctetsMax",
      onMessage: (message) => this.#answered(message),
      onStatus: (grpcStatus, message) => this.#ended(grpcStatus, message),
    })
    this.#call.start()
  }

  /** Some servers send a file alone, some with all it imports: what is missing is asked for. */
  load(service: string): Promise<DescriptorFiles> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      if (this.grpcStatus >= 0) return this.#ended(this.grpcStatus, "the stream has ended")
      this.#ask(ASK.fileContainingSymbol, service)
    })
  }

  close(): void {
    this.#settle = null
    this.#call.halfClose()
    if (this.#open > 0) this.#call.cancel()
  }

  #ask(field: number, text: string): void {
    this.#open++
    const octets = Buffer.from(text)
    const head = [(field << 3) | 2]
    for (let rest = octets.length; ; rest >>>= 7) {
      head.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest)
      if (rest <= 0x7f) break
    }
    this.#call.send(Buffer.concat([Buffer.from(head), octets]))
  }

  #answered(message: Buffer): void {
    if (this.#settle === null) return
    this.#open--
    this.#octets += message.length
    try {
      const { descriptorOctetsMax } = this.#context.limits
      if (this.#octets > descriptorOctetsMax)
        throw this.#tooMuch(`more than descriptorOctetsMax (${descriptorOctetsMax} octets)`)
      for (const file of readAnswer(message)) this.#add(file)
      this.#askForMissing()
    } catch (error) {
      return this.#reject(error as Error)
    }
    if (this.#open > 0) return
    const { resolve } = this.#settle
    this.#settle = null
    resolve(this.#files)
  }

  #askForMissing(): void {
    while (this.#open < QUESTIONS_MAX && this.#missing.length > 0) {
      const name = this.#missing.pop()!
      // It may have come along with another.
      if (!this.#files.has(name)) this.#ask(ASK.fileByFilename, name)
    }
  }

  #add(file: Buffer): void {
    const { name, dependencies } = readFileHead(file)
    this.#files.set(name, file)
    this.#asked.add(name)
    if (this.#files.size > FILES_MAX) throw this.#tooMuch(`more than ${FILES_MAX} files`)
    for (const dependency of dependencies)
      if (!this.#asked.has(dependency)) {
        this.#asked.add(dependency)
        this.#missing.push(dependency)
      }
  }

  #ended(grpcStatus: number, message: string): void {
    const isFault = grpcStatus < 0
    this.grpcStatus = isFault ? GrpcStatus.INTERNAL : grpcStatus
    const said = `server reflection: ${message || "the stream ended without an answer"}`
    const what =
      isFault || grpcStatus === GrpcStatus.OK ? unreadable(said) : failure("upstream_malformed", said)
    const isRefused = grpcStatus === GrpcStatus.UNAUTHENTICATED || grpcStatus === GrpcStatus.PERMISSION_DENIED
    this.#reject(
      new TypesError({ ...what, grpcStatus: grpcStatus > 0 ? grpcStatus : what.grpcStatus }, isRefused),
    )
  }

  #reject(error: Error): void {
    const settle = this.#settle
    this.#settle = null
    settle?.reject(error)
  }

  #tooMuch(what: string): TypesError {
    this.#context.counters.add(counterIds.descriptors_too_large)
    return new TypesError(failure("upstream_malformed", `server reflection: ${what} for one service`))
  }
}

/** The files of a ServerReflectionResponse. */
function readAnswer(message: Buffer): Buffer[] {
  const files: Buffer[] = []
  const take = (reader: WireReader): void => {
    const { octets, at, end } = readInner(reader)
    files.push(octets.subarray(at, end))
  }
  readFields(new WireReader(message), {
    [ANSWER.fileDescriptorResponse]: (reader) => readFields(readInner(reader), { 1: take }),
    [ANSWER.errorResponse]: (reader) => {
      throw readError(readInner(reader))
    },
  })
  return files
}

function readError(reader: WireReader): TypesError {
  let code = 0
  let text = ""
  readFields(reader, { 1: (at) => (code = readNumber(at)), 2: (at) => (text = readText(at)) })
  const what = failure("no_route", `server reflection: ${text || "no such symbol"}`, true)
  const isRefused = code === GrpcStatus.UNAUTHENTICATED || code === GrpcStatus.PERMISSION_DENIED
  return new TypesError(isRefused ? { ...what, grpcStatus: code } : what, true)
}
