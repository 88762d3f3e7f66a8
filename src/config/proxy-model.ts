/** How requests are passed on to HTTP/1.1 backends. nginx: `proxy_pass` and its kin. */
export interface ProxyConfig {
  /** The name of a cluster; or a template that comes to one, or to an address, once its scheme and path are taken off. */
  target: { cluster: string } | { template: string; resolve: boolean }
  /** nginx's `$proxy_host`, sent as `Host` unless told otherwise. Null: what the template comes to. */
  host: string | null
  /** Takes the place of what the location matched of the path. Null: the path is passed on as it was received. */
  path: string | null
  /** Octets of the decoded path that `path` replaces. */
  matchedOctets: number
  /** A template. Null: the client's method. */
  method: string | null
  /** The client's fields are passed on, beside those that are set. */
  passHeaders: boolean
  passBody: boolean
  /** A template of what is sent in place of the client's body, which stays here then. Null: nothing is. */
  body: string | null
  /** A body of which the client does not say the length is gathered, as far as it fits, so that its length can be said. */
  requestBuffering: boolean
  passTrailers: boolean
  /** What `Location` and `Refresh` begin with, and what takes its place; the first that fits. */
  redirects: TextRule[]
  /** What `domain` and `path` of `Set-Cookie` are, and what takes their place. */
  cookieDomains: TextRule[]
  cookiePaths: TextRule[]
  /** By the name of a cookie: the first that fits. */
  cookieFlags: CookieFlagsRule[]
}

/** Flags are templates that come to `secure`, `httponly`, `samesite=strict`, `lax` or `none`, or to one of them after `no`. */
export interface CookieFlagsRule {
  match: TextRule["match"]
  flags: string[]
}

/** A text or, after `~`, a regex; and a template. */
export interface TextRule {
  match: { text: string } | { pattern: string; ignoreCase: boolean }
  replacement: string
}
