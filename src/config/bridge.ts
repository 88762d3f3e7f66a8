/** What a gRPC method is called by: `/package.Service/Method`. */
export const METHOD_PATH = /^\/[A-Za-z_][\w.]*\/[A-Za-z_]\w*$/

/** What browsers send as `Origin` of a page: RFC 6454 §6.1; `null` for pages without one. Or `*`, all of them. */
export const ORIGIN =
  /^(?:\*|null|[a-z][a-z0-9+.-]*:\/\/[a-z0-9.-]+(?::\d{1,5})?|[a-z]+:\/\/\[[0-9a-f:]+\](?::\d{1,5})?)$/

/** How a configuration names origins: one, `*` for all, `https://*.example.com`, or `~` and a regex. */
export const ORIGIN_PATTERN = new RegExp(
  `${ORIGIN.source}|^[a-z][a-z0-9+.-]*:\\/\\/\\*\\.[a-z0-9.-]+(?::\\d{1,5})?$|^~.`,
)

/** What the largest message of a bridge may be set to, in octets. */
export const MESSAGE_OCTETS = { min: 1024, max: 2 ** 31 - 1 } as const
