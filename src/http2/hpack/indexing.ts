/**
 * Which fields the encoder puts in its dynamic table. A matter of worth, not of correctness: RFC 7541 leaves it open.
 *
 * An entry pays when the same field comes again on the connection. One that does not costs twice: it pushes others out
 * and, by changing the table, makes every remembered block stale.
 */

/** Names whose values seldom come twice. Their name alone is worth an entry; see `mayIndex` in the encoder. */
const VOLATILE_NAMES: ReadonlySet<string> = new Set([
  "age",
  "content-length",
  "content-range",
  "date",
  "etag",
  "expires",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "last-modified",
  "location",
  "range",
  "retry-after",
  "set-cookie",
  // gRPC and Connect
  "connect-timeout-ms",
  "grpc-message",
  "grpc-status-details-bin",
  "grpc-tags-bin",
  "grpc-timeout",
  "grpc-trace-bin",
  // Tracing
  "b3",
  "baggage",
  "cf-ray",
  "sentry-trace",
  "traceparent",
  "tracestate",
  "uber-trace-id",
  "x-amzn-trace-id",
  "x-b3-parentspanid",
  "x-b3-spanid",
  "x-b3-traceid",
  "x-cloud-trace-context",
  "x-correlation-id",
  "x-request-id",
])

/**
 * Secrets. Long ones are hard to guess and worth an entry; short ones could be found out by trial, comparing sizes
 * (RFC 7541 §7.1.3), so they stay out of the table.
 */
const SECRET_NAMES: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"])
const MIN_SECRET_OCTETS = 20

/** A longer path is one of many, not the method of a service. */
const MAX_PATH_OCTETS = 128

/** Whether a value of this name is unlikely to come again, or must not be found in the table. */
export function isVolatile(name: string, value: string): boolean {
  if (name === ":path") return value.length > MAX_PATH_OCTETS || value.includes("?")
  if (SECRET_NAMES.has(name)) return value.length < MIN_SECRET_OCTETS
  return VOLATILE_NAMES.has(name)
}
