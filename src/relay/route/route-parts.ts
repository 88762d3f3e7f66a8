import type { Cluster } from "../../cluster/cluster.ts"
import type { FilesConfig } from "../../config/files-model.ts"
import type { RouteConfig, RouteSettings } from "../../config/model.ts"
import type { AccessLog } from "../../log/access-log.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { Template } from "../../record/template.ts"
import type { VariableTable } from "../../record/variable-table.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import type { AdmissionParts } from "./admission-phases.ts"
import type { CursorFieldsOf } from "./continuity-plan.ts"
import type { ConnectorParts } from "./endpoint-connector.ts"
import type { HeadRewrites } from "./head-rewrites.ts"
import type { RegexOf } from "./regexes.ts"
import type { Phase, Verdict } from "./route.ts"
import type { RouteMeter } from "./route-meter.ts"

/** What routes are made of beside their own configuration. */
export interface RouteParts extends AdmissionParts, ConnectorParts {
  readonly table: VariableTable
  /** Of one regex. */
  readonly stepsMax: number
  readonly regexOf: RegexOf
  readonly headRewrites: HeadRewrites
  findCluster(name: string, mayResolve: boolean, needsPort: boolean): Cluster<LegConnection> | undefined
  openLog(config: RouteSettings["accessLogs"][number]): AccessLog
  /** `$request_body` is written where it leads. */
  keepsBody(config: RouteConfig): boolean
  /** Null: routes are not counted. */
  meterOf(server: string, route: string): RouteMeter | null
  cursorFieldsOf(descriptorSet: string): CursorFieldsOf
  /** The phase that answers with a file. */
  serveFiles(config: FilesConfig, parts: FilesParts): Phase
}

/** What the files of a route are found by. */
export interface FilesParts {
  templateOf(source: string): Template
  /** To another path of the same server, with a query of its own, or to `@name`. */
  redirect(record: StreamRecord, target: string, args?: string): Verdict
}
