import { failure } from "../../record/failure.ts"
import { withFailure } from "../route/compile.ts"
import type { Route } from "../route/route.ts"
import type { OpenListener } from "./listener-view.ts"

/** nginx's own number, which `error_page` may name. */
const HTTP_TO_HTTPS = 497

const REFUSAL = {
  ...failure("bad_request", "the plain HTTP request was sent to a port that speaks HTTPS", true),
  httpStatus: HTTP_TO_HTTPS,
  grpcStatus: -1,
}

/**
 * A listener with TLS as a client meets it that speaks HTTP without: one answer in the words of its protocol, 400 or what
 * `error_page 497` says, and a line in the access log.
 */
export function refusingPlain({ config, router }: OpenListener): OpenListener {
  const refuse = (authority: string): Route => {
    const route = router.fallback(authority)
    const { settings } = route
    const bridge = { ...settings.bridge, grpcWeb: false, connect: false, webSocket: false }
    return withFailure({ ...route, settings: { ...settings, bridge } }, REFUSAL)
  }
  return {
    // A header of the PROXY protocol has been read by now.
    config: { ...config, maxRequestsPerConnection: 1, proxyProtocol: false },
    router: { match: refuse, fallback: refuse },
  }
}
