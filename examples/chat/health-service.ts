import {
  type handleUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js"
import {
  Health,
  type HealthCheckRequest,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "./gen/grpc/health/v1/health_pb.ts"
import { toServiceDefinition } from "./grpc-service.ts"

export { ServingStatus }

type Reply = { status: ServingStatus }
type Watcher = ServerWritableStream<HealthCheckRequest, Reply>

/**
 * `grpc.health.v1.Health`: Check, List and Watch over a table of service names. The name "" is the server as a whole.
 * Source: the gRPC health checking protocol, doc/health-checking.md of grpc/grpc.
 */
export class HealthService {
  readonly definition: ServiceDefinition = toServiceDefinition(Health)
  readonly implementation: Record<string, unknown>
  readonly #statuses = new Map<string, ServingStatus>()
  readonly #watchers = new Set<Watcher>()

  constructor(services: readonly string[]) {
    for (const service of services) this.#statuses.set(service, ServingStatus.SERVING)
    const check: handleUnaryCall<HealthCheckRequest, Reply> = (call, callback) => {
      const known = this.#statuses.get(call.request.service)
      if (known !== undefined) callback(null, { status: known })
      else callback(failure(status.NOT_FOUND, `unknown service ${JSON.stringify(call.request.service)}`))
    }
    const list: handleUnaryCall<object, { statuses: Record<string, Reply> }> = (_call, callback) => {
      callback(null, {
        statuses: Object.fromEntries([...this.#statuses].map(([name, is]) => [name, { status: is }])),
      })
    }
    this.implementation = { Check: check, List: list, Watch: (call: Watcher) => this.#watch(call) }
  }

  /** Sets every service's status and tells all watchers. */
  setAll(is: ServingStatus): void {
    for (const service of this.#statuses.keys()) this.#statuses.set(service, is)
    for (const watcher of this.#watchers) this.#tell(watcher)
  }

  /** Ends every watch with UNAVAILABLE. */
  endAll(reason: string): void {
    for (const watcher of this.#watchers) watcher.emit("error", failure(status.UNAVAILABLE, reason))
    this.#watchers.clear()
  }

  #watch(call: Watcher): void {
    this.#watchers.add(call)
    call.on("cancelled", () => this.#watchers.delete(call))
    this.#tell(call)
  }

  #tell(call: Watcher): void {
    call.write({ status: this.#statuses.get(call.request.service) ?? ServingStatus.SERVICE_UNKNOWN })
  }
}

function failure(code: status, details: string): Partial<ServiceError> {
  return Object.assign(new Error(details), { code, details })
}
