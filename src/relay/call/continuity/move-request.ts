import type { Endpoint } from "../../../cluster/endpoint.ts"
import type { Pool, Waiter } from "../../../cluster/pool.ts"
import { varint, withField } from "../../../grpc/field-writer.ts"
import { framedMessage } from "../../../grpc/framed-message.ts"
import { WireType } from "../../../grpc/wire-type.ts"
import { ErrorCode } from "../../../http2/error-code.ts"
import { HeaderList } from "../../../http2/header-list.ts"
import type { ResponseHead } from "../../../http2/message-head.ts"
import type { StreamRecord } from "../../../record/record.ts"
import type { LegConnection, UpstreamStream } from "../../upstream/leg-connection.ts"
import type { UpstreamStreamOwner } from "../../upstream/stream-owner.ts"
import { isOver } from "../stream-owner.ts"

const PATH = "/continuity.v1.Continuity/Move"
const NO_MESSAGE = Buffer.alloc(0)

/** Which leg of which call is to be handed off. */
export interface MovedLeg {
  readonly call: string
  readonly leg: number
}

/** `continuity.v1.MoveRequest`, with gRPC's prefix: examples/continuity/continuity.proto. */
function moveMessage({ call, leg }: MovedLeg): Buffer {
  const named = withField(NO_MESSAGE, [1], { wireType: WireType.LENGTH, octets: Buffer.from(call) })!
  return framedMessage(withField(named, [2], { wireType: WireType.VARINT, octets: varint(leg) })!)
}

/** Asks the backend of a leg, by a unary call of its own, to hand the leg off. `onAnswer` is told once, unless it is given up. */
export class MoveRequest implements Waiter<LegConnection>, UpstreamStreamOwner {
  readonly endpoint: Endpoint
  readonly record: StreamRecord
  readonly waitTimeoutMs: number
  readonly bufferedOctets = 0
  readonly #pool: Pool<LegConnection>
  readonly #head: HeaderList
  readonly #message: Buffer
  readonly #onAnswer: (isAgreed: boolean) => void
  #lease: LegConnection | null = null
  #stream: UpstreamStream | null = null
  #status: string | undefined
  #isOver = false

  /** `list`: the head of the leg, which says where it goes. */
  constructor(
    pool: Pool<LegConnection>,
    endpoint: Endpoint,
    record: StreamRecord,
    list: HeaderList,
    timeoutMs: number,
    moved: MovedLeg,
    onAnswer: (isAgreed: boolean) => void,
  ) {
    this.endpoint = endpoint
    this.record = record
    this.waitTimeoutMs = timeoutMs
    this.#pool = pool
    this.#message = moveMessage(moved)
    this.#onAnswer = onAnswer
    const authority = list.get(":authority") ?? list.get("host") ?? ""
    // None rather than an empty one, which no URI of HTTP may have: RFC 9110 §4.2.1.
    const where = authority === "" ? [] : [":authority", authority]
    this.#head = new HeaderList([
      ...[":method", "POST", ":scheme", list.get(":scheme") ?? "http", ...where, ":path", PATH],
      ...["te", "trailers"],
      ...["content-type", "application/grpc", "grpc-timeout", `${timeoutMs}m`],
    ])
  }

  /** Nothing is told from within. */
  begin(): boolean {
    const lease = this.#pool.tryLease()
    if (lease === null) return this.#pool.wait(this) === null
    this.onLease(lease)
    return true
  }

  onLease(connection: LegConnection): void {
    this.#lease = connection
    this.#stream = connection.open(this.#head, false, false, this)
    this.#stream.sendData(this.#message, 0, this.#message.length, true)
  }

  onNoLease(): void {
    this.#end(false)
  }

  onResponse({ list }: ResponseHead, endStream: boolean): void {
    if (endStream) this.onResponseTrailers(list)
  }

  onResponseData(_octets: Buffer, start: number, end: number): void {
    this.#stream!.consume(end - start)
  }

  onResponseTrailers(list: HeaderList): void {
    this.#status = list.get("grpc-status")
    this.#end(this.#status === "0")
  }

  onUpstreamReset(): void {
    this.#end(false)
  }

  #end(isAgreed: boolean): void {
    if (this.#isOver) return
    this.close()
    this.#onAnswer(isAgreed)
  }

  /** Gives back what it holds: it has been answered, or is not wanted any more. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    const lease = this.#lease
    const stream = this.#stream
    if (lease === null) return this.#pool.abandon(this)
    if (stream !== null && !isOver(stream)) stream.reset(ErrorCode.CANCEL)
    lease.release()
  }

  canMove(): boolean {
    return false
  }

  onInformational(): void {}
  onUpstreamSent(): void {}

  // ---- What no one asks of it: it holds nothing, and is over in a moment ----------------------------------------

  shed(): void {
    this.#end(false)
  }

  get endpointAddress(): string {
    return this.endpoint.address
  }

  get paceClient(): object {
    return this
  }

  get paceEndpoint(): object {
    return this.endpoint
  }

  onTurn(): void {}

  render(): string {
    return ""
  }
}
