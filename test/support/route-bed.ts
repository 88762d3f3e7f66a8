import { Counters } from "../../src/base/counters.ts"
import { resolveLimits } from "../../src/base/resolve-limits.ts"
import { atOnce } from "../../src/base/steps.ts"
import { TimerWheel } from "../../src/base/timer-wheel.ts"
import type { Cluster } from "../../src/cluster/cluster.ts"
import type { Connector } from "../../src/cluster/connectors.ts"
import { bodyUsers } from "../../src/config/body-users.ts"
import type { Config, RouteConfig } from "../../src/config/model.ts"
import { diskFiles } from "../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../src/config/nginx/read.ts"
import { namesSet } from "../../src/config/set-names.ts"
import { BufferBudget } from "../../src/http2/buffer-budget.ts"
import { HeaderList } from "../../src/http2/header-list.ts"
import type { CallerToken } from "../../src/record/caller-token.ts"
import { makeVariableTable } from "../../src/record/declared/declared.ts"
import type { ConnectionRecord } from "../../src/record/record.ts"
import { type RequestState, stateOf } from "../../src/record/request-state.ts"
import { NewStreamRecord } from "../../src/record/stream-record.ts"
import { templatesOf } from "../../src/record/template.ts"
import { Admission } from "../../src/relay/overload/admission.ts"
import { CutCalls } from "../../src/relay/overload/cut-calls.ts"
import type { Users } from "../../src/relay/route/access.ts"
import { compileRoute } from "../../src/relay/route/compile.ts"
import type { SaidByCall } from "../../src/relay/route/endpoint-connector.ts"
import { HeadRewrites } from "../../src/relay/route/head-rewrites.ts"
import type { TokenVerdict, TokenVerifier } from "../../src/relay/route/jwt.ts"
import { regexesOf } from "../../src/relay/route/regexes.ts"
import type { ContentHandler, Phase, PhaseContext, PhasedCall, Route } from "../../src/relay/route/route.ts"
import type { FilesParts } from "../../src/relay/route/route-parts.ts"
import { type RouteCompiler, Router } from "../../src/relay/route/router.ts"
import {
  type PhasesOutcome,
  type RunningCall,
  runPhases,
  type WaitingPhases,
} from "../../src/relay/route/run-phases.ts"
import type { Zone } from "../../src/relay/route/zone.ts"
import { ZoneTable, zoneOctets } from "../../src/relay/route/zone-table.ts"
import type { LegConnection } from "../../src/relay/upstream/leg-connection.ts"
import { LogLines } from "./log-lines.ts"
import { ManualClock } from "./manual-clock.ts"
import { connectionRecord, streamRecord, templateEnvironment } from "./stream-record.ts"

function unasked(): never {
  throw new Error("no service is asked")
}

const FILE: ContentHandler = { kind: "content", answer: () => ({ onSent() {}, cancel() {} }) }

/** What is asked: a path, or more than that. */
export type Request =
  | string
  | {
      path: string
      method?: string
      host?: string
      fields?: string[]
      contentLength?: number
      isGrpc?: boolean
      connection?: Partial<ConnectionRecord>
    }

/** What a location that is asked for authorization answers. */
export interface Authorization {
  status: number
  fields?: string[]
}

/**
 * The servers of an `http` block, or of a configuration, compiled, and requests that go through their phases: no socket, no backend. Clusters are
 * `c1`, `c2`, `c3` and all other names beginning with `c`.
 */
export class RouteBed {
  readonly clock = new ManualClock()
  readonly counters = new Counters()
  readonly log = new LogLines()
  readonly admission: Admission
  /** What `auth_request` was sent to, and what it answers: at once, unless there is none. */
  readonly asked: string[] = []
  authorization: Authorization | null = { status: 200 }
  /** Of `auth_basic`: true or false at once, or later by a promise. */
  /** The files that were asked for. */
  readonly passwordPaths: string[] = []
  passwords: Users = { check: (user, password) => user === "ann" && password === "secret" }
  /** Of `auth_jwt`: what comes of a token. */
  tokens: (text: string) => TokenVerdict | Promise<TokenVerdict> = (text) =>
    text === "good"
      ? { kind: "valid", token: { text } as unknown as CallerToken, expirySeconds: 0 }
      : { kind: "refused", message: "it is not good" }
  readonly context: PhaseContext
  readonly config: Config
  readonly #compile: () => Router<Route>
  /** What files are asked for leads to this target, with these arguments. */
  leadsTo: [target: string, args?: string] | null = null
  #connections = 0

  /** `change`: what nginx.conf has no words for. */
  constructor(
    http: string | Config,
    limits: Record<string, number> = {},
    change: (config: Config) => void = () => {},
  ) {
    const config = typeof http === "string" ? readHttp(http) : http
    change(config)
    this.config = config
    const resolved = resolveLimits(limits).limits
    const stepsMax = resolved.regexSteps
    const table = makeVariableTable(config.variables, atOnce(namesSet(config)), { stepsMax })
    const { clock, counters } = this
    const { log } = this.log
    this.admission = new Admission({ clock, log, counters, limits: resolved })
    const users = atOnce(bodyUsers(config))
    this.context = {
      limits: resolved,
      budget: new BufferBudget(resolved),
      counters,
      log,
      env: templateEnvironment({ clock }),
      admission: this.admission,
      cutCalls: new CutCalls({ limits: resolved, counters, log }),
      deadlines: new TimerWheel(clock),
      subrequests: {
        begin: (_call, uri, done) => {
          this.asked.push(uri)
          const { authorization } = this
          if (authorization === null) return () => this.asked.push("given up")
          const { status, fields } = authorization
          const responseHeaders = fields === undefined ? null : new HeaderList(fields)
          done({ status, body: null, record: streamRecord({ responseHeaders }) })
          return () => {}
        },
      },
      services: { begin: unasked },
      reflectedFields: { find: unasked },
    }
    const templateOf = templatesOf(table)
    const zones = new Map<string, Zone>(
      config.zones.map(({ name, key, rate, octets }) => {
        const memory = new SharedArrayBuffer(zoneOctets(octets, 1))
        const zone = new ZoneTable(memory, 0, 1, () => 0.4)
        return [name, { name, key: templateOf(key), rate: (rate ?? 0) * 1000, table: zone }]
      }),
    )
    const usersOf = (path: string): Users => {
      this.passwordPaths.push(path)
      return { check: (...asked) => this.passwords.check(...asked) }
    }
    const tellUnreadable = (file: string): void => log.error("password file cannot be read", { file })
    const parts = {
      table,
      stepsMax,
      regexOf: regexesOf(stepsMax),
      headRewrites: new HeadRewrites(table),
      templateOf,
      zoneOf: (name: string) => zones.get(name)!,
      userFiles: { of: usersOf, named: usersOf, tellUnreadable },
      cursorFieldsOf: () => () => null,
      verifierOf: (): TokenVerifier => ({
        read: (text) => ({ text }) as unknown as CallerToken,
        verify: (text) => this.tokens(text),
      }),
      serviceMessages: { checkRequest: unasked, readCheck: unasked, rateRequest: unasked, readRate: unasked },
      meterOf: () => null,
      findCluster: (name: string, mayResolve: boolean) =>
        name.startsWith("c") ? ({ name, mayResolve } as unknown as Cluster<LegConnection>) : undefined,
      keepsBody: (route: RouteConfig) => users.has(route),
      openLog: () => {
        throw new Error("no log is opened here")
      },
      connectAs: () => connectorAs,
      connectHttp1: () => connectorAs,
      serveFiles: (_files: unknown, { redirect }: FilesParts): Phase => {
        return ({ record }) => {
          const to = this.leadsTo
          this.leadsTo = null
          return to === null ? FILE : redirect(record, ...to)
        }
      },
    }
    const servers = config.servers.map((server) => ({
      ...server,
      fallback: { ...server.fallback, accessLogs: [] },
    }))
    const compile: RouteCompiler<Route> = (server, route, host) => {
      const quiet = route && { ...route, settings: { ...route.settings, accessLogs: [] } }
      return compileRoute(server, quiet, host, parts)
    }
    this.#compile = () => atOnce(Router.make("l", servers, compile, { stepsMax }))
  }

  /** The call that a request becomes. It has gone through its phases, unless one waits. `change`: of its state, before. */
  begin(
    request: Request,
    change?: (state: RequestState) => void,
    downstream: PhasedCall["downstream"] = {},
  ): RoutedCall {
    const asked = typeof request === "string" ? { path: request } : request
    const { path, method = "GET", host = "a.test", fields = [], contentLength = -1, isGrpc = false } = asked
    const list = new HeaderList([
      ":method",
      method,
      ":scheme",
      "http",
      ":path",
      path,
      ":authority",
      host,
      ...fields,
    ])
    const connection = connectionRecord({ id: ++this.#connections, ...asked.connection })
    const head = {
      list,
      method,
      scheme: "http",
      authority: host,
      path,
      contentLength,
      expectsContinue: false,
    }
    // Compiled for each request anew: it is at work within the test that asks.
    const route = this.#compile().match(host, path)
    if (route === null) throw new Error(`${path} has no meaning`)
    const record = new NewStreamRecord(connection, head as never, route.serverName, this.clock.now())
    change?.(stateOf(record))
    const call = new RoutedCall(record, isGrpc, route, this.context, downstream)
    call.run()
    return call
  }

  /** What became of a request, in a line. */
  ask(request: Request): string {
    return this.begin(request).said
  }
}

function connectorAs(said: SaidByCall = {}): Connector<LegConnection> {
  const connector = (): never => {
    throw new Error("nothing is connected here")
  }
  return Object.assign(connector, { serverName: said.serverName, localAddress: said.localAddress })
}

function readHttp(http: string): Config {
  const upstreams = [1, 2, 3].map((at) => `upstream c${at} { server 127.0.0.1:${at}; }`).join(" ")
  const text = `events {} http { ${upstreams} ${http} }`
  const { config, problems } = readNginxConfig(text, "/nginx.conf", diskFiles)
  if (config === null) throw new Error(problems.map(({ message }) => message).join("; "))
  return config
}

export class RoutedCall implements RunningCall {
  readonly record: NewStreamRecord
  readonly isGrpc: boolean
  readonly downstream: NonNullable<PhasedCall["downstream"]>
  route: Route
  cluster: Cluster<LegConnection> | null = null
  readonly #context: PhaseContext
  readonly #atEnd: (() => void)[] = []
  /** Undefined: it still waits. */
  outcome: PhasesOutcome | undefined = undefined
  waiting: WaitingPhases | null = null

  constructor(
    record: NewStreamRecord,
    isGrpc: boolean,
    route: Route,
    context: PhaseContext,
    downstream: NonNullable<PhasedCall["downstream"]>,
  ) {
    this.downstream = downstream
    this.record = record
    this.isGrpc = isGrpc
    this.route = route
    this.#context = context
  }

  /** How its connections are made. */
  get connector(): Connector<LegConnection> | null {
    return this.route.connectorFor({ record: this.record, context: this.#context })
  }

  run(): void {
    runPhases(this, this.#context)
  }

  atEnd(run: () => void): void {
    this.#atEnd.push(run)
  }

  onPhasesWait(waiting: WaitingPhases): void {
    this.waiting = waiting
  }

  onPhasesEnd(outcome: PhasesOutcome): void {
    this.outcome = outcome
  }

  /** The call is over. */
  end(): void {
    for (const run of this.#atEnd) run()
  }

  /** The list that the upstream is sent. */
  get sent(): HeaderList {
    return this.route.requestRewrite.apply(this.record.head.list, this.record, this.#context.env)
  }

  /** In a line: `waits`; a cluster; an answer with its text; `status kind: message` of a failure, and where a
   * backend may have seen the request */
  get said(): string {
    const { outcome, cluster } = this
    if (outcome === undefined) return "waits"
    if (outcome === null) return `to ${(cluster as { name: string } | null)?.name}`
    if (outcome.kind === "content") return "files"
    if (outcome.kind === "return") {
      const text = outcome.template.render(this.record, this.#context.env)
      return `${outcome.status} ${text}`.trim()
    }
    const seen = outcome.isUnsent ? "" : " (a backend may have seen it)"
    return `${outcome.httpStatus} ${outcome.kind}: ${outcome.message}${seen}`
  }
}
