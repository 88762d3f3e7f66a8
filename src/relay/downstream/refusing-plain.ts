import { literalTemplate } from "../../record/template.ts"
import { withAnswer } from "../route/compile.ts"
import type { Route } from "../route/route.ts"
import type { OpenListener } from "./listener-view.ts"

/** nginx's words. */
const TEXT = "the plain HTTP request was sent to a port that speaks HTTPS\n"

/**
 * A listener with TLS as a client meets it that speaks HTTP without: one answer, 400 in the words of its protocol, and a line
 * in the access log.
 */
export function refusingPlain({ config, router }: OpenListener): OpenListener {
  const refuse = (authority: string): Route => {
    const route = router.fallback(authority)
    const { settings } = route
    const bridge = { ...settings.bridge, grpcWeb: false, connect: false, webSocket: false }
    const action = {
      kind: "return" as const,
      status: 400,
      template: literalTemplate(TEXT),
      contentType: "text/plain",
      grpcStatus: null,
      grpcMessage: null,
    }
    return withAnswer({ ...route, settings: { ...settings, bridge } }, action, route.responseRewrite)
  }
  return {
    // A header of the PROXY protocol has been read by now.
    config: { ...config, maxRequestsPerConnection: 1, proxyProtocol: false },
    router: { match: refuse, fallback: refuse },
  }
}
