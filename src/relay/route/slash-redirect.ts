import { octetText } from "../../base/octet-text.ts"
import { defaultRouteSettings } from "../../config/defaults.ts"
import type { RouteConfig } from "../../config/model.ts"
import { escapeUri } from "../../record/uri.ts"

/**
 * What answers `/x` where a location is `/x/`, or `= /x/`, and passes requests on: nginx's `auto_redirect`, 301 as the
 * location's settings have it. It is found before anybody is asked who they are. Null: the location has no such thing.
 */
export function slashRedirect(config: RouteConfig): RouteConfig | null {
  const { match, action, settings } = config
  if ((match.kind !== "prefix" && match.kind !== "exact") || !/.\/$/s.test(match.path)) return null
  if (action.kind === "return" || action.kind === "files" || action.kind === "none") return null
  const { access, requestLimits, streamLimits, realIp } = defaultRouteSettings()
  // A template has no other way to say a dollar sign.
  const path = escapeUri(octetText(match.path)).replaceAll("$", "%24")
  return {
    ...config,
    match: { kind: "exact", path: match.path.slice(0, -1) },
    action: {
      kind: "return",
      status: 301,
      template: `${path}$is_args$args`,
      contentType: "",
      grpcStatus: null,
      grpcMessage: null,
    },
    settings: { ...settings, access, requestLimits, streamLimits, realIp },
    when: [],
    rewrite: [],
    except: null,
    routes: [],
  }
}
