import type { RegexMatch } from "../regex/regex.ts"
import type { CallerToken } from "./caller-token.ts"
import type { HeaderChange } from "./header-change.ts"
import type { RequestBody } from "./request-body.ts"
import { normalizeUri, queryOf } from "./uri.ts"

/** How often one request may be sent to another location: nginx's number. */
export const URI_CHANGES_MAX = 10

/** A client as a proxy in front of us names it: nginx's real_ip. */
export interface RealClient {
  readonly address: string
  /** 0: it was not said. */
  readonly port: number
}

/** What the phases of its route have made of a request. Most requests have none: see `stateOf`. */
export class RequestState {
  /** nginx: `$uri`, as octets, decoded. */
  uri: string
  /** nginx: `$args`. */
  args: string
  /** The upstream is sent `uri` and `args`, in place of the path as it was received. */
  isRewritten = false
  /** It was rewritten and stays where it is: what its location matched is no longer the beginning of `uri`. */
  hasLeftPrefix = false
  /** The location is to be found anew. */
  isUriChanged = false
  /** It was sent on by the configuration: locations that are `internal` take it. */
  isInternal = false
  uriChangesLeft = URI_CHANGES_MAX
  /** The status of whatever is answered from here on; 0: that of the answer. nginx: `err_status`. */
  errorStatus = 0
  /** Fields of the error that go with whatever is answered, names and values in turn. */
  errorFields: readonly string[] = []
  /** No further page of an error is looked for. nginx: `error_page` of a request. */
  isErrorPageUsed = false
  /** An error has sent it on. */
  isAtErrorPage = false
  /** In place of the client's; null: as it was received. */
  method: "GET" | null = null
  /** Of variables that were set, or that keep what they came to; names in lower case. */
  readonly values: Map<string, string>
  /** What `$1` to `$9` refer to: the last regex that matched. */
  captures: RegexMatch | null = null
  realClient: RealClient | null = null
  /** nginx: `PASSED`, `DELAYED`, `REJECTED`, `DELAYED_DRY_RUN`, `REJECTED_DRY_RUN`. */
  limitReqStatus: string | null = null
  limitConnStatus: string | null = null
  /** What the caller showed; null: none that can be read, or none is asked for. */
  token: CallerToken | null = null
  /** Its signature and claims are right. */
  isTokenVerified = false
  /** Seconds since 1970 after which the caller is no longer who it said; 0: its stream may outlive that. */
  expirySeconds = 0
  /** What came of the request, where that is kept; null: it is not. */
  body: RequestBody | null = null
  /** The service of limits was asked about it. */
  isRateAsked = false
  /** What services that were asked have changed; null: nothing. */
  requestChanges: readonly HeaderChange[] | null = null
  responseChanges: readonly HeaderChange[] | null = null
  /** The configuration asks a location of its own: nothing is asked of it in turn. */
  isSubrequest = false

  /**
   * @param values of another request, where both are to have the same
   * @param keepsSlashes as for `normalizeUri`
   */
  constructor(path: string, values = new Map<string, string>(), keepsSlashes = false) {
    this.values = values
    this.uri = normalizeUri(path, keepsSlashes) ?? path
    this.args = queryOf(path)
  }

  /** False: it was sent on too often, and is to be answered 500. */
  changeUri(): boolean {
    this.isUriChanged = false
    return this.uriChangesLeft-- > 0
  }
}

/** The state of a request, made when it is first asked for. */
export function stateOf(record: { readonly path: string; state: RequestState | null }): RequestState {
  return (record.state ??= new RequestState(record.path))
}
