import type { Failure } from "../record/failure.ts"
import type { NewStreamRecord } from "../record/stream-record.ts"
import type { StreamOwner, WaitsFor } from "../relay/call/stream-owner.ts"
import type { MovableStream, TurnReason } from "../relay/pacing/pacer.ts"
import type { EndpointLegs } from "./endpoint-legs.ts"
import type { Relay } from "./relay.ts"

/** Sessions have no routes. */
const ROUTE = { name: "" }

/** What a session is to orders, limits and lists: one stream, without messages, of a connection of its own. */
export abstract class SessionStream implements StreamOwner, MovableStream {
  abstract readonly record: NewStreamRecord
  readonly route = ROUTE
  readonly paceEndpoint = this
  cluster: { readonly name: string } | null = null
  protected legs: EndpointLegs | null = null
  protected relay: Relay | null = null

  get endpointAddress(): string {
    return this.legs?.endpoint?.address ?? ""
  }

  get waitsFor(): WaitsFor {
    if (this.legs?.isConnecting === true) return "connection"
    if (this.relay === null) return null
    return this.relay.up.held > 0 ? "endpoint" : this.relay.down.held > 0 ? "client" : null
  }

  get bufferedOctets(): number {
    return this.relay === null ? this.heldBefore : this.relay.up.held + this.relay.down.held
  }

  /** Octets that came before there was an endpoint. */
  protected abstract get heldBefore(): number

  get paced(): MovableStream | null {
    return this.relay === null ? null : this
  }

  get paceClient(): object {
    return this
  }

  /** What an endpoint knows of its connection is there alone. */
  canMove(): boolean {
    return false
  }

  onTurn({ what }: TurnReason): void {
    this.fail(what)
  }

  fail(_what: Failure): void {
    this.abort()
  }

  shed(what: Failure): void {
    this.fail(what)
  }

  /** Ends it from here, with no client left to tell. */
  abstract abort(): void

  // No HTTP/2 stream is behind it.
  onRequestData(): void {}
  onRequestTrailers(): void {}
  onDownstreamReset(): void {}
  onDownstreamSent(): void {}
}
