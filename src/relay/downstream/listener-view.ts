import type { ListenerConfig } from "../../config/model.ts"
import type { Route } from "../route/route.ts"
import type { Router } from "../route/router.ts"

/** A listener as the connections that came by it see it. A reload changes both; one that it takes away keeps its last. */
export interface OpenListener {
  /** What holds for the connections that follow. */
  readonly config: ListenerConfig
  /** Read once per stream. */
  readonly router: Pick<Router<Route>, "match" | "fallback">
}
