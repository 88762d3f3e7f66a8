import type { Cluster } from "../cluster/cluster.ts"
import type { TcpSettings } from "../config/tcp-model.ts"
import type { AccessLog } from "../log/access-log.ts"
import type { TlsUpstream } from "../net/tls-upstream.ts"
import type { Failure } from "../record/failure.ts"
import type { NewStreamRecord } from "../record/stream-record.ts"
import type { Template } from "../record/template.ts"
import type { KeepNameGroups } from "../relay/route/name-groups.ts"
import type { PhaseContext } from "../relay/route/route.ts"
import type { LegConnection } from "../relay/upstream/leg-connection.ts"
import type { SettingsFor } from "./session-settings.ts"

/** What phases see of a session. */
export interface PhasedSession {
  readonly record: NewStreamRecord
  /** To be run once, when the session is over. */
  atEnd(run: () => void): void
}

/** nginx: real_ip, `limit_conn`, `allow` and `deny`. Null: the session goes on. */
export type TcpPhase = (
  session: PhasedSession,
  context: Pick<PhaseContext, "env" | "counters" | "log">,
) => Failure | null

/** Where sessions lead. */
export type TcpTarget =
  | {
      readonly kind: "cluster"
      /** What is found for `name`; undefined: nothing. */
      readonly find: (name: string) => Cluster<LegConnection> | undefined
      /** The cluster's name, or what it is told by. */
      readonly name: Template
      readonly tls: TlsUpstream | null
      readonly settingsFor: SettingsFor
    }
  | { readonly kind: "return"; readonly text: Template }
  | { readonly kind: "pass"; readonly address: Template }
  | { readonly kind: "none" }

/** A TCP server as sessions use it: every template compiled, every log open. Never changed once live. */
export interface TcpServer {
  /** Its first name. */
  readonly name: string
  readonly settings: TcpSettings
  readonly target: TcpTarget
  readonly phases: readonly TcpPhase[]
  /** Names in lower case. */
  readonly set: readonly (readonly [variable: string, template: Template])[]
  /** Null: its names leave nothing behind. */
  readonly keepNameGroups: KeepNameGroups | null
  readonly accessLogs: readonly AccessLog[]
  /** Of a text of the configuration's, without escapes. */
  templateOf(source: string): Template
}

/** The servers of a listener. */
export interface TcpServers {
  /** Chosen where no name fits. */
  readonly fallback: TcpServer
  /** Some of them pass clients on. */
  readonly mayPass: boolean
  /** By a name in lower case, without closing dot. */
  find(name: string): TcpServer | undefined
}
