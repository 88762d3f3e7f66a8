import {
  createRegistry,
  type DescExtension,
  type DescFile,
  type DescMessage,
  type DescService,
  type MessageInitShape,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt"
import { type ServerDuplexStream, type ServiceDefinition, status } from "@grpc/grpc-js"
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from "./gen/grpc/reflection/v1/reflection_pb.ts"
import { ServerReflection as ServerReflectionV1Alpha } from "./gen/grpc/reflection/v1alpha/reflection_pb.ts"
import { toMethodDefinition } from "./grpc-service.ts"

type Reply = MessageInitShape<typeof ServerReflectionResponseSchema>
type ReplyBody = Reply["messageResponse"]

/**
 * Server reflection, v1 and v1alpha, over generated descriptors.
 * Source: doc/server-reflection.md of grpc/grpc.
 */
export class ReflectionService {
  /** One per protocol version. v1alpha is v1 under its earlier name, octet for octet, so both share codecs. */
  readonly definitions: ServiceDefinition[]
  readonly implementation = {
    ServerReflectionInfo: (call: ServerDuplexStream<ServerReflectionRequest, Reply>) => serve(call, this),
  }
  readonly #services: string[]
  readonly #files = new Map<string, DescFile>()
  readonly #symbols = new Map<string, DescFile>()
  readonly #extensions: Registry

  /** @param services What the server serves; both reflection services are added to them. */
  constructor(services: readonly DescService[]) {
    const v1 = toMethodDefinition(ServerReflection.method.serverReflectionInfo)
    const v1alpha = {
      ...v1,
      path: toMethodDefinition(ServerReflectionV1Alpha.method.serverReflectionInfo).path,
    }
    this.definitions = [{ ServerReflectionInfo: v1 }, { ServerReflectionInfo: v1alpha }]

    const all = [...services, ServerReflection, ServerReflectionV1Alpha]
    this.#services = all.map((service) => service.typeName)
    for (const service of all) this.#addFile(service.file)
    this.#extensions = createRegistry(...this.#files.values())
  }

  answer(request: ServerReflectionRequest): ReplyBody {
    const asked = request.messageRequest
    switch (asked.case) {
      case "listServices":
        return { case: "listServicesResponse", value: { service: this.#services.map((name) => ({ name })) } }
      case "fileByFilename":
        return withImports(this.#files.get(asked.value)) ?? notFound(`file ${asked.value}`)
      case "fileContainingSymbol":
        return withImports(this.#symbols.get(asked.value)) ?? notFound(`symbol ${asked.value}`)
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = asked.value
        const found = this.#extensionsOf(containingType).find(
          (extension) => extension.number === extensionNumber,
        )
        return withImports(found?.file) ?? notFound(`extension ${extensionNumber} of ${containingType}`)
      }
      case "allExtensionNumbersOfType": {
        if (this.#extensions.getMessage(asked.value) === undefined) return notFound(`message ${asked.value}`)
        const extensionNumber = this.#extensionsOf(asked.value).map((extension) => extension.number)
        return { case: "allExtensionNumbersResponse", value: { baseTypeName: asked.value, extensionNumber } }
      }
      default:
        return failed(status.INVALID_ARGUMENT, "the request asks for nothing")
    }
  }

  #extensionsOf(typeName: string): DescExtension[] {
    return [...this.#extensions].filter(
      (type): type is DescExtension => type.kind === "extension" && type.extendee.typeName === typeName,
    )
  }

  #addFile(file: DescFile): void {
    // Descriptors of protobuf-es drop ".proto" from the name; peers ask with it.
    if (this.#files.has(file.proto.name)) return
    this.#files.set(file.proto.name, file)
    for (const dependency of file.dependencies) this.#addFile(dependency)
    for (const name of symbolsOf(file)) this.#symbols.set(name, file)
  }
}

function serve(call: ServerDuplexStream<ServerReflectionRequest, Reply>, service: ReflectionService): void {
  call.on("data", (originalRequest: ServerReflectionRequest) => {
    const messageResponse = service.answer(originalRequest)
    if (!call.write({ validHost: originalRequest.host, originalRequest, messageResponse } as Reply))
      call.pause()
  })
  call.on("drain", () => call.resume())
  call.on("end", () => call.end())
}

/** Every name a peer may ask for: services, methods, messages, fields, enums, their values, extensions. */
function* symbolsOf(file: DescFile): Generator<string> {
  for (const service of file.services) {
    yield service.typeName
    for (const method of service.methods) yield `${service.typeName}.${method.name}`
  }
  for (const message of file.messages) yield* symbolsOfMessage(message)
  for (const declared of file.enums) yield* symbolsOfEnum(declared)
  for (const extension of file.extensions) yield extension.typeName
}

function* symbolsOfMessage(message: DescMessage): Generator<string> {
  yield message.typeName
  for (const field of message.fields) yield `${message.typeName}.${field.name}`
  for (const nested of message.nestedMessages) yield* symbolsOfMessage(nested)
  for (const nested of message.nestedEnums) yield* symbolsOfEnum(nested)
  for (const extension of message.nestedExtensions) yield extension.typeName
}

/** Enum values live in the scope that holds their enum, as in C++. */
function* symbolsOfEnum(declared: DescFile["enums"][number]): Generator<string> {
  yield declared.typeName
  const scope = declared.typeName.slice(0, declared.typeName.lastIndexOf(".") + 1)
  for (const value of declared.values) yield scope + value.name
}

/** The file and all it imports, imports first, so that a reader can link them in the order given. */
function withImports(file: DescFile | undefined): ReplyBody | undefined {
  if (file === undefined) return undefined
  const ordered = new Set<DescFile>()
  const add = (next: DescFile) => {
    for (const dependency of next.dependencies) add(dependency)
    ordered.add(next)
  }
  add(file)
  const fileDescriptorProto = [...ordered].map((each) => toBinary(FileDescriptorProtoSchema, each.proto))
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } }
}

function notFound(what: string): ReplyBody {
  return failed(status.NOT_FOUND, `${what} is not known here`)
}

function failed(errorCode: status, errorMessage: string): ReplyBody {
  return { case: "errorResponse", value: { errorCode, errorMessage } }
}
