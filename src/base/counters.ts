/**
 * What each counter counts: one more for every time one of our limits or refusals was met. The names are what the log
 * and the metrics show. Append freely; nothing outside this file depends on the order.
 */
export const counterMeanings = {
  // Discovery.
  spans_dropped:
    "spans of OpenTelemetry that were dropped: too many at once, or their collector did not take them",
  admin_connections_exceeded: "connections to the admin API above adminConnectionsMax, closed",
  admin_requests_refused:
    "requests to the admin API with a body that was too large, that did not come in time, or too many of a connection",
  admin_readers_dropped: "readers of the admin API that did not read, and were closed",
  admin_answers_exceeded: "long answers of the admin API refused, since too much waited to be read",
  counted_routes_exceeded: "routes of a configuration that have no metrics of their own",
  discovery_refused:
    "an answer of a source of endpoints was not to be used, in whole or in part, or there was none",
  control_plane_message_too_large: "a message of the control plane was larger than is taken",
  control_plane_resources_exceeded: "the control plane named more resources of a type than are held",
  // Streams and windows.
  streams_refused: "a stream past the concurrent-stream limit was refused with REFUSED_STREAM",
  stream_window_exceeded: "DATA went past the window of a stream",
  connection_window_exceeded: "DATA went past the window of a connection",
  window_overflow: "a WINDOW_UPDATE or a setting raised a window above 2^31-1",
  frame_too_large: "a frame was longer than SETTINGS_MAX_FRAME_SIZE",
  // Header blocks.
  header_table_exceeded: "a header block resized the dynamic table above SETTINGS_HEADER_TABLE_SIZE",
  header_table_reduced: "a peer offered our encoder a larger dynamic table than it uses",
  header_list_too_large: "a decoded header list went past its octets",
  header_fields_exceeded: "a header list held too many fields, cookie crumbs counted one by one",
  header_block_too_large: "an encoded header block went past its octets",
  continuation_flood: "a header block came in too many CONTINUATION frames",
  continuation_empty: "a CONTINUATION frame carried nothing and did not end the block",
  header_block_timeout: "a header block did not end in time",
  header_undecodable: "HPACK could not decode a header block",
  header_mended:
    "values held blanks at their ends, or a backend's CR, LF, NUL or connection fields: taken out",
  trailers_cut: "trailers were larger than their client takes, and were cut: the grpc-status was kept",
  header_malformed: "a field name, field value or set of fields broke RFC 9113 §8",
  path_refused: "a :path, :authority or host could be read two ways",
  content_length_mismatch: "content-length and the DATA that came do not agree",
  interim_responses_exceeded: "a backend sent too many interim responses to one request",
  trailers_malformed: "trailers held pseudo-headers or did not end the stream",
  // The abuse bucket: what was charged, and what happened when it ran dry.
  abuse_peer_reset: "a peer reset a young stream before its response had ended",
  abuse_made_to_reset: "a peer made us reset a stream",
  abuse_ping: "a PING came too soon after the last one, with no HEADERS or DATA between",
  abuse_refused: "a request was refused that no honest client sends",
  abuse_settings: "SETTINGS came again with too little payload since the last",
  abuse_exhausted: "a connection emptied its abuse bucket and was ended with ENHANCE_YOUR_CALM",
  // Cheap frames.
  settings_entries_exceeded: "a SETTINGS frame held too many entries",
  control_frames_queued: "too many replies to a peer's control frames waited for it to read",
  unsent_octets_paused: "reading from a peer stopped because it did not read what was sent",
  priority_flood: "more PRIORITY frames came than the streams warrant",
  overhead_flood: "frames that carry no payload came out of proportion to those that do",
  empty_frames_flood: "too many empty frames came in a row",
  window_update_flood: "more WINDOW_UPDATE frames came than the DATA we sent warrants",
  // Sockets and time.
  handshake_timeout: "a TLS handshake did not end in time",
  handshake_failed: "a TLS handshake failed for another reason",
  preface_timeout: "a connection preface did not come in time",
  preface_malformed: "what came was not the HTTP/2 connection preface",
  ping_hastened: "an endpoint said nothing at all to new streams, so a PING asked after it ahead of its time",
  ping_timeout: "a PING was not answered in time",
  drain_timeout: "a peer had not read the last of what was sent when its time to do so was over",
  connections_per_address_exceeded: "one address held too many connections",
  connections_exceeded: "a worker held too many connections",
  descriptors_exhausted:
    "for want of file descriptors a client was turned away, or a connection to an endpoint not made",
  // Memory.
  connection_buffer_exceeded: "the streams of one connection held more unsent octets than its share",
  worker_buffer_withheld: "new credit was withheld because the worker neared its buffer budget",
  worker_buffer_exceeded: "a stream was reset as a largest holder, the worker being past its buffer budget",
  // Overload.
  overload_delay_exceeded: "a new stream was refused because the worker was too far behind",
  worker_streams_exceeded: "a new stream was refused because the worker carried too many",
  cut_calls_exceeded:
    "a new call was refused: its connection's deadlines had cut too many, and its own was as short",
  // Who gets in.
  messages_limited: "what a client sent had to wait: it came faster than limit_messages lets it",
  answers_limited:
    "what a backend sent had to wait: it came faster than limit_messages lets it (from=backend)",
  requests_limited: "a request was refused: more came than its zone lets in",
  streams_limited: "a request was refused: its zone has as many open as it lets in",
  subrequest_timeout: "a location that was asked about a request did not answer in time",
  jwt_too_long: "a token was refused: it was longer than is read",
  jwt_verifications_exceeded: "a caller was refused: too many tokens were being verified",
  jwt_forgotten: "a token that was verified was forgotten to remember another",
  jwks_too_large: "keys for tokens were not taken: more octets or more keys than are read",
  ocsp_too_large: "the answer of an OCSP responder was not taken: it has more octets than are read",
  ocsp_forgotten: "the status of a client's certificate was forgotten to remember another",
  password_checks_exceeded: "a caller was refused: too many passwords with slow hashes were being looked at",
  request_body_not_kept: "the body of a request was too long for `$request_body`",
  password_files_forgotten: "a password file that variables name was forgotten to keep another",
  ocsp_timeout: "an OCSP responder did not answer in time",
  jwks_timeout: "a server of keys for tokens did not answer in time",
  service_timeout: "a service that was asked about a call did not answer in time",
  service_answer_too_large: "a service that was asked about a call answered with more than is read",
  // Upstream work.
  pick_queue_full: "a stream failed at once: too many were already waiting for an endpoint",
  pick_queue_timeout: "a stream waited too long for an endpoint",
  queue_full: "a stream failed at once: every endpoint was full, and the queue of its cluster too",
  queue_timeout: "a stream found every endpoint full for as long as the queue of its cluster lets it wait",
  retry_budget_exhausted: "a stream was not retried because retries were too large a share of all",
  retries_delayed: "a retry waited: its backend asked for that, or it was not the call's first",
  retry_pushback_refused:
    "a stream was not retried because its backend asked for that, or for a longer wait than there is time",
  upstream_resets_exceeded:
    "a connection to an endpoint was put out of use because so many of its streams were reset",
  endpoint_connections_exceeded: "a stream found every connection to its endpoint full, and no more allowed",
  connections_opening_exceeded:
    "a connection to an endpoint was not opened yet: as many as may be were being made already",
  cluster_streams_exceeded: "a stream was refused: its cluster has as many as limits.streams allows",
  cluster_waiting_streams_exceeded:
    "a stream was refused: as many wait for connections of its cluster as limits.waitingStreams allows",
  cluster_connections_exceeded:
    "a connection was not opened: its cluster has as many as limits.connections allows",
  cluster_retries_exceeded:
    "a stream was not retried: its cluster has as many retries as limits.retries allows",
  keepalive_calmed: "an endpoint sent ENHANCE_YOUR_CALM, and new PINGs to it come half as often",
  reconnect_delayed: "a connection was not tried yet, since the last one to that endpoint failed",
  streams_paced: "a live stream was to be ended or moved, and was given a turn for it",
  // Streams that outlive their backend.
  continuity_legs: "another leg was opened for a stream whose leg had ended",
  continuity_ended: "a stream could not go on after its leg had ended, and was ended with the reason",
  continuity_log_exceeded: "client messages that were sent are no longer kept: more came than are",
  // Calls and messages.
  grpc_timeout_malformed: "a grpc-timeout had more digits than allowed, or no known unit",
  message_too_large: "a message was larger than a bridge buffers",
  message_values_exceeded: "a message held more values than a bridge translates",
  message_too_deep: "a message was nested deeper than a bridge translates",
  message_growth_exceeded: "the translation of a message grew past its bound",
  messages_waited: "a large message waited for others to be translated first",
  descriptors_too_large: "a backend's descriptors were more octets than are read or kept",
  reflected_services_exceeded: "a service's descriptors were forgotten to keep those of another",
  variable_clusters_exceeded: "variables came to more addresses than are kept, and one was let go",
  regex_steps_exceeded: "a regex of the configuration took too many steps for a path or a name",
  http1_head_too_large: "the head of an HTTP/1.1 request went past its octets",
  origin_refused: "a WebSocket came from a page of another site",
  // The last resort.
  uncaught: "an error nobody expected ended one connection",
} as const satisfies Record<string, string>

export type CounterName = keyof typeof counterMeanings

export const counterNames = Object.keys(counterMeanings) as CounterName[]

/**
 * Counters that move in the course of honest work: what they count is worth a number and no warning. A charge is paid from
 * a bucket, and `abuse_exhausted` says when that is empty.
 */
const quiet: ReadonlySet<string> = new Set<CounterName>([
  ...(["abuse_peer_reset", "abuse_made_to_reset", "abuse_refused", "abuse_ping"] as const),
  ...(["continuity_legs", "continuity_log_exceeded"] as const),
  ...(["abuse_settings", "header_mended", "trailers_cut", "upstream_resets_exceeded"] as const),
  ...(["streams_paced", "retries_delayed", "retry_pushback_refused"] as const),
])

/** Whether a counter says that a limit was reached, which operators are told to watch the log for. */
export function isLimitReached(counter: string): boolean {
  return !quiet.has(counter)
}

/** Slot numbers. Look one up once, at module level: `const rapid = counterIds.abuse_peer_reset`. */
export const counterIds = Object.freeze(
  Object.fromEntries(counterNames.map((name, slot) => [name, slot])),
) as Readonly<Record<CounterName, number>>

/**
 * Counts since the process started, or of one of its data threads.
 *
 * Unit:  occurrences, exact to 2^53.
 * Cost:  an `add` is one load and one store into a typed array: cheap enough for every frame.
 */
export class Counters {
  readonly #slots: Float64Array

  /** `slots`: one for each name, in memory that others read; nothing else may write there. Default: memory of its own. */
  constructor(slots: Float64Array = new Float64Array(counterNames.length)) {
    this.#slots = slots
  }

  /** `id` is one of `counterIds`. */
  add(id: number, n = 1): void {
    this.#slots[id]! += n
  }

  get(name: CounterName): number {
    return this.#slots[counterIds[name]]!
  }

  /** Every counter by name, zeros included. */
  snapshot(): Record<CounterName, number> {
    return Object.fromEntries(counterNames.map((name, slot) => [name, this.#slots[slot]!])) as Record<
      CounterName,
      number
    >
  }

  /** Adds another's counts, for instance those a worker sent. Names it does not know are ignored. */
  merge(snapshot: Readonly<Partial<Record<CounterName, number>>>): void {
    for (const name of counterNames) this.#slots[counterIds[name]]! += snapshot[name] ?? 0
  }
}
