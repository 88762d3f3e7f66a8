import { HeaderList } from "../../http2/header-list.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import type { AddedTrailers } from "../route/added-trailers.ts"
import type { DownstreamStream } from "./stream-owner.ts"
import { StreamStage } from "./stream-stage.ts"

const NO_OCTETS = Buffer.alloc(0)
const NO_FIELDS = new HeaderList([])

/** The call whose answer gets trailers, by the route that it has come to. */
export interface TrailedCall {
  readonly context: { readonly env: TemplateEnvironment }
  readonly route: { readonly addedTrailers: AddedTrailers | null }
  readonly record: NewStreamRecord
  readonly isGrpc: boolean
}

/** A client's stream on which answers end with the trailers that a route adds. */
export class TrailedAnswer extends StreamStage {
  readonly #call: TrailedCall
  /** The status of an answer that ends with them; 0: none has begun that does. */
  #status = 0
  #isHeadSent = false

  constructor(stream: DownstreamStream, call: TrailedCall) {
    super(stream)
    this.#call = call
  }

  override sendHeaders(list: HeaderList, endStream: boolean): void {
    if (this.#isHeadSent)
      return this.stream.sendHeaders(this.#status === 0 ? list : this.#with(list), endStream)
    const status = Number(list.get(":status"))
    if (status < 200) return this.stream.sendHeaders(list, endStream)
    this.#isHeadSent = true
    if (this.#isTrailed(status)) this.#status = status
    if (this.#status === 0) return this.stream.sendHeaders(list, endStream)
    // Trailers-Only: clients look for the status of the call in the only list that there is.
    if (endStream && this.#call.isGrpc) return this.stream.sendHeaders(this.#with(list), true)
    this.stream.sendHeaders(this.#isHttp1 ? withoutLength(list) : list, false)
    if (endStream) this.#end()
  }

  override sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    if (!endStream || this.#status === 0 || this.stream.isClosed || this.stream.localEnded)
      return this.stream.sendData(octets, start, end, endStream)
    const taken = end > start ? this.stream.sendData(octets, start, end, false) : 0
    this.#end()
    return taken
  }

  /** Answers without a body have no place for any. */
  #isTrailed(status: number): boolean {
    const { route, record } = this.#call
    if (record.head.method === "HEAD" || status === 204 || status === 304) return false
    return route.addedTrailers?.areFor(status) === true
  }

  /** As nginx has it, HTTP/1.1 sends them behind chunks, and so says no length. */
  get #isHttp1(): boolean {
    return this.#call.record.connection.protocol === "HTTP/1.1"
  }

  #with(list: HeaderList): HeaderList {
    const { route, record, context } = this.#call
    const told = route.addedTrailers?.addTo(list, this.#status, record, context.env) ?? list
    if (told !== list) record.responseTrailers = told
    return told
  }

  #end(): void {
    const trailers = this.#with(NO_FIELDS)
    if (trailers.fields.length > 0) this.stream.sendHeaders(trailers, true)
    else this.stream.sendData(NO_OCTETS, 0, 0, true)
  }
}

function withoutLength(list: HeaderList): HeaderList {
  if (list.get("content-length") === undefined) return list
  const fields = list.fields.filter((_, at) => list.fields[at - (at % 2)] !== "content-length")
  return new HeaderList(fields)
}
