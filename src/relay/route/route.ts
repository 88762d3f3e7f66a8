import type { Counters } from "../../base/counters.ts"
import type { Limits } from "../../base/limits.ts"
import type { TimerWheel } from "../../base/timer-wheel.ts"
import type { Cluster } from "../../cluster/cluster.ts"
import type { RouteSettings } from "../../config/model.ts"
import type { BufferBudget } from "../../http2/buffer-budget.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { AccessLog } from "../../log/access-log.ts"
import type { Log } from "../../log/logger.ts"
import type { Failure } from "../../record/failure.ts"
import type { AttemptRecord, StreamRecord } from "../../record/record.ts"
import type { SpanWords } from "../../record/span.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import type { Template } from "../../record/template.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import type { Admission } from "../overload/admission.ts"
import type { CutCalls } from "../overload/cut-calls.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import type { AddedTrailers } from "./added-trailers.ts"
import type { CursorFields, PlanOf } from "./continuity-plan.ts"
import type { ConnectorFor } from "./endpoint-connector.ts"
import type { ResponseRewrite } from "./head-rewrite.ts"
import type { MessageRates } from "./message-rates.ts"
import type { RouteMeter } from "./route-meter.ts"
import type { RoutesOf } from "./router.ts"

/** Turns a request's head into what the upstream is sent. */
export interface RequestRewriter {
  apply(list: HeaderList, record: StreamRecord, env: TemplateEnvironment): HeaderList
}

/** One route as the relay uses it: every template compiled, every log open. Never changed once live. */
export interface Route {
  /** For people, as nginx writes it: `/`, `= /x`, `^~ /x`, `~ ^/v[12]/`. Empty: no route of the server matched. */
  readonly name: string
  readonly serverName: string
  /** What every call goes through before its first leg. */
  readonly phases: readonly Phase[]
  /** Those of the location alone, for a call that comes from another location of its server. */
  readonly locationPhases: readonly Phase[]
  /** The server's own steps, for a call that is sent to another path of it. */
  readonly serverSteps: readonly Phase[]
  /** Its calls are passed on, or a gRPC client is told a status. */
  readonly servesGrpc: boolean
  /** Its phases end with an answer of the configuration's, whatever the request asks for. */
  readonly isAnswer: boolean
  /** Where all its calls go; undefined where they are answered here, or each says itself where it goes. */
  readonly findCluster: () => Cluster<LegConnection> | undefined
  /** How connections to its endpoints are made, where that is not the cluster's own way: over TLS, for one. */
  readonly connectorFor: ConnectorFor
  readonly settings: RouteSettings
  /** Null: streams end with their backend. */
  readonly continuity: PlanOf | null
  readonly requestRewrite: RequestRewriter
  readonly responseRewrite: ResponseRewrite
  /** Null: none are added. */
  readonly addedTrailers: AddedTrailers | null
  readonly accessLogs: readonly AccessLog[]
  readonly errorStatuses: ReadonlyMap<number, { grpcStatus: number; message: Template }>
  /** Null: its calls are not traced. */
  readonly trace: RouteTrace | null
  readonly errorPages: ReadonlyMap<number, ErrorPage>
  /** Counts its streams; null: they are not counted by route. */
  readonly meter: RouteMeter | null
  /** Any of the timeouts of a silent stream. */
  /** How fast clients may send; null: as fast as it is taken. */
  readonly messageRates: MessageRates | null
  readonly hasStreamTimeouts: boolean
  /** Of a text of the configuration's, without escapes. */
  templateOf(source: string): Template
  /** The other routes of its server. */
  readonly host: RoutesOf<Route>
}

/** How the calls of a route are traced. */
export interface RouteTrace {
  readonly words: SpanWords
  /** The head for an endpoint: what it is told of the trace. */
  inject(list: HeaderList, record: NewStreamRecord, leg: AttemptRecord): HeaderList
}

/** Where one error of a route leads: see `ErrorPageConfig`. */
export interface ErrorPage {
  readonly status: number | "target" | null
  readonly target: Template
}

/** nginx's `return`, compiled. */
export interface ReturnAction {
  readonly kind: "return"
  readonly status: number
  readonly template: Template
  /** As octets. */
  readonly contentType: string
  readonly grpcStatus: number | null
  readonly grpcMessage: Template | null
  /** Of its page, names and values in turn. */
  readonly fields?: readonly string[]
  /** It leads to no page of an error. */
  readonly isFinal?: boolean
}

/** The call goes on with another route, from the first of `phases`. */
export interface GoTo {
  readonly kind: "goto"
  readonly route: Route
  readonly phases: readonly Phase[]
}

/** The phase has to wait. */
export interface Wait {
  readonly kind: "wait"
  /**
   * Begins what is waited for.
   *
   * @param done to be called once, later: null lets the call go on
   * @returns gives it up; `done` is not called then
   */
  begin(done: (verdict: Verdict | null) => void): () => void
}

/** What answers in place of a cluster: a file, for one. */
export interface ContentHandler {
  readonly kind: "content"
  /** Begins the answer. What the client sends meanwhile is thrown away. */
  answer(call: AnsweredCall): Answer
}

/** An answer under way. */
export interface Answer {
  /** The client took what waited for it. */
  onSent(): void
  /** The call is over. */
  cancel(): void
}

/** What a content handler may do with the call that it answers. */
export interface AnsweredCall {
  readonly record: NewStreamRecord
  /** Octets that wait for the client. */
  readonly queuedOctets: number
  sendAnswerHead(list: HeaderList, endStream: boolean): void
  sendAnswerData(octets: Buffer, start: number, end: number, endStream: boolean): void
  fail(what: Failure): void
}

export type Verdict = Failure | ReturnAction | GoTo | Wait | ContentHandler

/** What a phase sees of a call, and what it may set. */
export interface PhasedCall {
  readonly record: NewStreamRecord
  readonly isGrpc: boolean
  readonly downstream?: { endConnection?(): void }
  route: Route
  cluster: Cluster<LegConnection> | null
  /** To be run once, when the call is over. */
  atEnd(run: () => void): void
}

export interface PhaseContext {
  readonly limits: Limits
  readonly counters: Counters
  readonly log: Log
  readonly env: TemplateEnvironment
  readonly admission: Admission
  readonly cutCalls: CutCalls
  readonly deadlines: TimerWheel
  readonly budget: BufferBudget
  readonly subrequests: Subrequests
  readonly services: Services
  readonly reflectedFields: ReflectedFields
}

/** Asks the backends of calls which fields their messages have. */
export interface ReflectedFields {
  /** Where the resume tokens of a call's method are, by the names of their fields; a text: why nowhere. Never rejects. */
  find(call: PhasedCall, from: string, into: string): Promise<CursorFields | string>
}

/** Asks gRPC services of the configuration. */
export interface Services {
  /** @returns gives it up; `done` is told nothing then */
  begin(question: ServiceQuestion, done: (answer: ServiceAnswer) => void): () => void
}

export interface ServiceQuestion {
  /** Leads to the service. */
  readonly route: Route
  /** `/package.Service/Method`. */
  readonly path: string
  readonly message: Uint8Array
  readonly timeoutMs: number
}

/** Its message, or why there is none. */
export type ServiceAnswer = { readonly message: Buffer } | { readonly problem: string }

/** Asks a location of the call's own server. */
export interface Subrequests {
  /**
   * @param bodyOctetsMax how long a body is waited for and kept; 0: none is
   * @returns gives it up; `done` is told nothing then
   */
  begin(call: PhasedCall, uri: string, done: (end: SubrequestEnd) => void, bodyOctetsMax?: number): () => void
}

/** What a subrequest came to. */
export interface SubrequestEnd {
  readonly status: number
  /** Its own, complete: `auth_request_set` reads it. */
  readonly record: StreamRecord
  /** Null: none was wanted, it was longer, or it broke off. */
  readonly body: Buffer | null
}

/**
 * One step between a request's head and its first leg: lets the call pass (null), or says how it goes on. Phases run in
 * order and at once; one that has to wait says so.
 */
export type Phase = (call: PhasedCall, context: PhaseContext) => Verdict | null
