/** Servers and listeners while a file is read, before they are part of the model. */
import type { Address } from "../../address.ts"
import type { ServerConfig } from "../../model.ts"
import type { Span } from "../ast.ts"
import type { Scope } from "../scope.ts"
import type { ListenOptions } from "./listen.ts"

/** A server that shares listeners with others, of HTTP or TCP. */
export interface ListeningDraft {
  config: Pick<ServerConfig, "names" | "listeners" | "defaultFor">
  scope: Scope
  span: Span
}

/** A server with what is needed of it until all are read. */
export interface ServerDraft extends ListeningDraft {
  config: ServerConfig
}

export interface ListenerDraft {
  address: Address
  options: ListenOptions
  /** The one marked `default_server`, else the first. */
  defaultServer: ListeningDraft
  servers: ListeningDraft[]
}
