import { HeaderList } from "../../http2/header-list.ts"
import { literalTemplate } from "../../record/template.ts"
import { withAnswer } from "../../relay/route/compile.ts"
import { ResponseRewrite } from "../../relay/route/head-rewrite.ts"
import type { Route } from "../../relay/route/route.ts"

/**
 * The route with an answer of our own in place of a cluster, so that what a bridge refuses is logged and counted like
 * everything else. `fields` are added to the answer; they may hold no `$`. `text` is taken as it stands.
 */
export function answerRoute(
  route: Route,
  status: number,
  text: string,
  fields: readonly string[] = [],
): Route {
  const { fields: pairs } = new HeaderList(fields)
  const addHeaders = Array.from({ length: pairs.length / 2 }, (_, i) => {
    return { name: pairs[2 * i]!, template: pairs[2 * i + 1]!, always: true }
  })
  const action = {
    kind: "return" as const,
    status,
    template: literalTemplate(text),
    contentType: "text/plain",
    grpcStatus: null,
    grpcMessage: null,
  }
  return withAnswer(route, action, new ResponseRewrite({ ...route.settings, addHeaders }))
}
