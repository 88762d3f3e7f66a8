import type { RouteSettings } from "../../config/model.ts"
import type { VariableSource } from "../../record/variable-table.ts"
import { RequestRewrite, ResponseRewrite } from "./head-rewrite.ts"

/** The rewrites of heads, one for all routes that share their settings: those of a configuration may be thousands. */
export class HeadRewrites {
  readonly #table: VariableSource
  readonly #plain = new Map<RouteSettings, RequestRewrite>()
  readonly #tls = new Map<RouteSettings, RequestRewrite>()
  readonly #responses = new Map<RouteSettings, ResponseRewrite>()

  constructor(table: VariableSource) {
    this.#table = table
  }

  request(settings: RouteSettings, isUpstreamTls: boolean): RequestRewrite {
    const made = isUpstreamTls ? this.#tls : this.#plain
    let rewrite = made.get(settings)
    if (rewrite === undefined)
      made.set(settings, (rewrite = new RequestRewrite(settings, isUpstreamTls, this.#table)))
    return rewrite
  }

  response(settings: RouteSettings): ResponseRewrite {
    let rewrite = this.#responses.get(settings)
    if (rewrite === undefined)
      this.#responses.set(settings, (rewrite = new ResponseRewrite(settings, this.#table)))
    return rewrite
  }
}
