import { counterIds } from "../../base/counters.ts"
import type { Deadline } from "../../base/timer-wheel.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import { RequestState, stateOf } from "../../record/request-state.ts"
import { ResponseRewrite } from "../route/head-rewrite.ts"
import type { PhasedCall, Route, SubrequestEnd } from "../route/route.ts"
import { Call } from "./call.ts"
import type { CallContext } from "./call-context.ts"
import type { DownstreamStream } from "./stream-owner.ts"

/** Fields that say something of a body, which a subrequest has none of. */
const OF_BODY = new Set(["content-length", "transfer-encoding", "expect"])

/** Asks a location of the call's own server: nginx's subrequests. `done` is told once, unless it is given up. */
export function beginSubrequest(
  context: CallContext,
  call: PhasedCall,
  uri: string,
  done: (end: SubrequestEnd) => void,
  bodyOctetsMax = 0,
): () => void {
  const mark = uri.indexOf("?")
  const path = mark < 0 ? uri : uri.slice(0, mark)
  const route = call.route.host.find(path)
  const state = new RequestState(call.record.path, stateOf(call.record).values)
  state.uri = path
  state.args = mark < 0 ? "" : uri.slice(mark + 1)
  state.isRewritten = true
  state.isInternal = true
  state.isSubrequest = true
  state.realClient = stateOf(call.record).realClient
  state.token = stateOf(call.record).token
  const fallback = call.route.host.fallback
  const found = route === "limit" ? fallback : route
  const subrequest = new Subrequest(context, call, found, state, { done, bodyOctetsMax })
  subrequest.start()
  return () => subrequest.cancel()
}

interface Wanted {
  readonly done: (end: SubrequestEnd) => void
  readonly bodyOctetsMax: number
}

/** A call without a client: what it answers is told, with as much of its body as is wanted. */
class Subrequest implements DownstreamStream, Deadline {
  isClosed = false
  localEnded = false
  readonly remoteEnded = true
  readonly queuedOctets = 0
  readonly headerListMax = Number.POSITIVE_INFINITY
  slot = -1
  dueTick = 0
  next: Deadline | null = null
  previous: Deadline | null = null
  readonly #context: CallContext
  readonly #call: Call
  readonly #wanted: Wanted
  #body: Buffer[] = []
  #bodyOctets = 0
  #isOver = false

  constructor(
    context: CallContext,
    { record }: PhasedCall,
    route: Route,
    state: RequestState,
    wanted: Wanted,
  ) {
    this.#context = context
    this.#wanted = wanted
    // As nginx has it, neither logged nor counted.
    const own = { ...context, onStreamEnd: () => {}, onSpans: () => {} }
    const head = getHead(record.head)
    this.#call = new Call(own, record.connection, this, head, quiet(route), false)
    this.#call.record.state = state
    this.#call.record.showAs(record.method, record.path)
  }

  start(): void {
    this.#context.deadlines.set(this, this.#context.limits.subrequestTimeoutMs)
    this.#call.start()
  }

  cancel(): void {
    this.#isOver = true
    this.#end()
  }

  onDue(): void {
    this.#context.counters.add(counterIds.subrequest_timeout)
    this.#tell(504)
    this.#end()
  }

  #tell(status: number, body: Buffer | null = null): void {
    this.#context.deadlines.cancel(this)
    if (this.#isOver) return
    this.#isOver = true
    this.#wanted.done({ status, record: this.#call.record, body })
  }

  /** Nothing more is wanted of it. */
  #end(): void {
    this.#context.deadlines.cancel(this)
    if (this.isClosed) return
    this.isClosed = true
    this.#call.onDownstreamReset({
      code: ErrorCode.CANCEL,
      origin: "local",
      unprocessed: false,
      reason: "the answer to a subrequest is not wanted further",
    })
  }

  sendHeaders(list: HeaderList, endStream: boolean): void {
    const status = Number(list.get(":status"))
    if (endStream) this.localEnded = true
    if (!(status >= 200)) return
    if (this.#wanted.bodyOctetsMax > 0 && !endStream) return
    // The leg is still in the middle of its head.
    if (!endStream) queueMicrotask(() => this.#end())
    this.#tell(this.#call.record.status)
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    if (endStream) this.localEnded = true
    if (!this.#isOver && this.#wanted.bodyOctetsMax > 0) this.#keep(octets, start, end, endStream)
    return end - start
  }

  #keep(octets: Buffer, start: number, end: number, endStream: boolean): void {
    this.#bodyOctets += end - start
    const isTooLong = this.#bodyOctets > this.#wanted.bodyOctetsMax
    if (isTooLong) this.#body = []
    else this.#body.push(Buffer.from(octets.subarray(start, end)))
    if (!endStream && !isTooLong) return
    // The leg is still in the middle of its octets.
    if (!endStream) queueMicrotask(() => this.#end())
    this.#tell(this.#call.record.status, isTooLong ? null : Buffer.concat(this.#body))
  }

  reset(): void {
    this.isClosed = true
    this.#tell(502)
  }

  discardQueued(): void {}
  consume(): void {}
  chargePeer(): void {}
}

/** Neither is what it answers added to: nginx's filters leave subrequests alone. */
function quiet(route: Route): Route {
  const { settings } = route
  const responseRewrite =
    settings.addHeaders.length === 0
      ? route.responseRewrite
      : new ResponseRewrite({ ...settings, addHeaders: [] })
  return { ...route, accessLogs: [], meter: null, trace: null, responseRewrite, addedTrailers: null }
}

function getHead({ list, scheme, authority, path }: RequestHead): RequestHead {
  const fields: string[] = []
  for (let i = 0; i < list.fields.length; i += 2) {
    const name = list.fields[i]!
    if (!OF_BODY.has(name)) fields.push(name, name === ":method" ? "GET" : list.fields[i + 1]!)
  }
  return { list: new HeaderList(fields), method: "GET", scheme, authority, path, contentLength: -1 }
}
