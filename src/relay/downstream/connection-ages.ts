import type { Random } from "../../base/random.ts"
import type { ListenerConfig } from "../../config/model.ts"
import { failure } from "../../record/failure.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import { jittered, type Pacer, type TurnReason } from "../pacing/pacer.ts"
import type { ClientConnection } from "./client-connection.ts"

interface Age {
  /** When the connection takes no new streams any more, then when its last ones are to end. */
  readonly drainMs: number
  readonly endMs: number
  isDraining: boolean
  readonly reason: TurnReason
}

export interface ConnectionAgesContext {
  readonly pacer: Pacer
  readonly env: { readonly random: Random }
}

/**
 * How old clients' connections get where their listener bounds it: GOAWAY first, so that clients connect anew, and after the
 * grace the streams that are left end, each in its turn. Source: MAX_CONNECTION_AGE of gRPC servers (gRFC A9), jitter included.
 */
export class ConnectionAges {
  readonly #context: ConnectionAgesContext
  readonly #ages = new Map<ConnectionRecord, Age>()

  constructor(context: ConnectionAgesContext) {
    this.#context = context
  }

  opened(record: ConnectionRecord, listener: ListenerConfig, nowMs: number): void {
    const { maxConnectionAgeMs, maxConnectionAgeGraceMs } = listener
    if (maxConnectionAgeMs === null) return
    const drainMs = nowMs + jittered(maxConnectionAgeMs, this.#context.env.random())
    const message = `the connection is as old as connections may get here (${maxConnectionAgeMs} ms)`
    this.#ages.set(record, {
      drainMs,
      endMs: drainMs + (maxConnectionAgeGraceMs ?? Number.POSITIVE_INFINITY),
      isDraining: false,
      reason: { cause: "age", what: failure("drained", message), isWithdrawn: false },
    })
  }

  closed(record: ConnectionRecord): void {
    this.#ages.delete(record)
  }

  /** Once a second. */
  tick(connections: Iterable<ClientConnection>, nowMs: number): void {
    if (this.#ages.size === 0) return
    for (const connection of connections) {
      const age = this.#ages.get(connection.record)
      if (age === undefined || nowMs < age.drainMs) continue
      if (!age.isDraining) {
        age.isDraining = true
        if (connection.retire === undefined) connection.drain()
        else connection.retire()
      }
      if (nowMs < age.endMs) continue
      for (const { paced } of connection.streams)
        if (paced !== null) this.#context.pacer.add(paced, age.reason)
    }
  }
}
