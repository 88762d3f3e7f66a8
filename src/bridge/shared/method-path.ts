import { METHOD_PATH } from "../../config/bridge.ts"
import type { BridgeConfig } from "../../config/model.ts"

/**
 * The method that a bridged call means: what the route says, else the path without the route's prefix and the query.
 * Null when that is no method. Nothing is decoded: what is matched is what the backend is sent.
 */
export function methodPath(path: string, { method, pathPrefix }: BridgeConfig): string | null {
  if (method !== null) return method
  const mark = path.indexOf("?")
  const whole = mark < 0 ? path : path.slice(0, mark)
  const prefix = pathPrefix?.replace(/\/$/, "") ?? ""
  const rest = whole.startsWith(`${prefix}/`) ? whole.slice(prefix.length) : whole
  return METHOD_PATH.test(rest) ? rest : null
}
