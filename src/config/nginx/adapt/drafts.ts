/** Servers and listeners while a file is read, before they are part of the model. */
import type { Address } from "../../address.ts"
import type { ServerConfig } from "../../model.ts"
import type { Span } from "../ast.ts"
import type { Scope } from "../scope.ts"
import type { ListenOptions } from "./listen.ts"

/** A server with what is needed of it until all are read. */
export interface ServerDraft {
  config: ServerConfig
  scope: Scope
  span: Span
}

export interface ListenerDraft {
  address: Address
  options: ListenOptions
  /** The one marked `default_server`, else the first. */
  defaultServer: ServerDraft
  servers: ServerDraft[]
}
