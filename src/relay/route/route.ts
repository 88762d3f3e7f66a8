import { octetText } from "../../base/octet-text.ts"
import type { Cluster } from "../../cluster/cluster.ts"
import type { Connector } from "../../cluster/connectors.ts"
import type { RouteConfig, RouteSettings, ServerConfig, UpstreamTlsConfig } from "../../config/model.ts"
import type { AccessLog } from "../../log/access-log.ts"
import { compileTemplate, type Template } from "../../record/template.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import { RequestRewrite, ResponseRewrite } from "./head-rewrite.ts"
import type { Phase, ReturnAction } from "./phase.ts"
import { type CompiledAction, compilePhases } from "./phases.ts"

/** One route as the relay uses it: every template compiled, every log open. Never changed once live. */
export interface Route {
  readonly serverName: string
  /** What every call goes through before its first leg. */
  readonly phases: readonly Phase[]
  /** Its phases end with an answer of the configuration's, whatever the request asks for. */
  readonly isAnswer: boolean
  /** Where all its calls go; undefined where they are answered here, or each says itself where it goes. */
  readonly findCluster: () => Cluster<LegConnection> | undefined
  /** How connections to its endpoints are made, where that is not the cluster's own way: over TLS, for one. */
  readonly connect: Connector<LegConnection> | null
  readonly settings: RouteSettings
  readonly requestRewrite: RequestRewrite
  readonly responseRewrite: ResponseRewrite
  readonly accessLogs: readonly AccessLog[]
  readonly errorStatuses: ReadonlyMap<number, { grpcStatus: number; message: Template }>
  /** Any of the timeouts of a silent stream. */
  readonly hasStreamTimeouts: boolean
}

export function compileRoute(
  server: ServerConfig,
  config: RouteConfig | null,
  findCluster: (name: string) => Cluster<LegConnection> | undefined,
  openLog: (config: RouteSettings["accessLogs"][number]) => AccessLog,
  connectAs: (tls: UpstreamTlsConfig | null, settings: RouteSettings) => Connector<LegConnection>,
): Route {
  const settings = config?.settings ?? server.fallback
  const action = config?.action ?? { kind: "none" as const }
  const errorStatuses = new Map<number, { grpcStatus: number; message: Template }>()
  for (const { httpStatuses, grpcStatus, grpcMessage } of settings.errorStatuses)
    for (const status of httpStatuses)
      if (!errorStatuses.has(status))
        errorStatuses.set(status, { grpcStatus, message: compileTemplate(grpcMessage) })
  const tls = action.kind === "cluster" || action.kind === "variable" ? action.tls : null
  return {
    serverName: server.names[0] ?? "",
    isAnswer: action.kind === "return",
    phases: compilePhases(compileAction(action), settings.maxBodyOctets, findCluster),
    findCluster: () => (action.kind === "cluster" ? findCluster(action.cluster) : undefined),
    connect:
      tls === null && settings.bindAddress === null && !settings.socketKeepalive
        ? null
        : connectAs(tls, settings),
    settings,
    requestRewrite: new RequestRewrite(settings, tls !== null),
    responseRewrite: new ResponseRewrite(settings),
    accessLogs: settings.accessLogs.map(openLog),
    errorStatuses,
    hasStreamTimeouts:
      settings.readTimeoutMs !== null || settings.sendTimeoutMs !== null || settings.bodyTimeoutMs !== null,
  }
}

/** The same route with an answer in place of where it leads. */
export function withAnswer(route: Route, action: ReturnAction, responseRewrite: ResponseRewrite): Route {
  const phases = compilePhases(action, route.settings.maxBodyOctets, () => undefined)
  return { ...route, phases, isAnswer: true, responseRewrite }
}

function compileAction(action: RouteConfig["action"]): CompiledAction {
  switch (action.kind) {
    case "cluster":
      return { kind: "cluster", cluster: action.cluster }
    case "variable":
      return { kind: "variable", template: compileTemplate(action.template) }
    case "return":
      return {
        ...action,
        template: compileTemplate(action.template),
        contentType: octetText(action.contentType),
        grpcMessage: action.grpcMessage === null ? null : compileTemplate(action.grpcMessage),
      }
    case "none":
      return action
  }
}
