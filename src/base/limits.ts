import type { CounterName } from "./counters.ts"

/** What a limit counts, for people and for the sense of its range. */
export type LimitUnit =
  | "octets"
  | "ms"
  | "streams"
  | "streams/s"
  | "fields"
  | "values"
  | "levels"
  | "messages"
  | "services"
  | "endpoints"
  | "frames"
  | "entries"
  | "charges"
  | "charges/s"
  | "connections"
  | "descriptors"
  | "retries/s"
  | "percent"
  | "digits"
  | "steps"
  | "octets per octet"
  | "frames per frame"

/** One bound: the number, where it comes from, what it stops, what happens at it and what counts that. */
export interface LimitRow {
  /** What is counted or measured. */
  readonly counts: string
  readonly value: number
  readonly unit: LimitUnit
  /** Overrides must be whole numbers from `min` to `max`. */
  readonly min: number
  readonly max: number
  /** What one bound is shared by. */
  readonly per:
    | "frame"
    | "message"
    | "stream"
    | "connection"
    | "address"
    | "endpoint"
    | "cluster"
    | "source"
    | "worker"
    | "process"
  /** The attack or accident it stops. */
  readonly stops: string
  /** What happens at the bound. */
  readonly effect: string
  /** Who else draws this line, or asks for it. */
  readonly source: string
  readonly counter: CounterName
  /** nginx's directive for the same bound, where it has one. */
  readonly nginx?: string
}

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const WINDOW_MAX = 2 ** 31 - 1
const HOUR_MS = 3_600_000
const MANY = 1_000_000

const rows = {
  // ---- Advertised in SETTINGS -------------------------------------------------------------------------------------
  streamsMax: {
    counts:
      "SETTINGS_MAX_CONCURRENT_STREAMS to downstream: streams open, each counted until its upstream half is gone too",
    value: 1000,
    unit: "streams",
    min: 1,
    max: MANY,
    per: "connection",
    stops: "rapid reset and MadeYouReset: upstream work beyond the streams that look open",
    effect: "RST_STREAM(REFUSED_STREAM)",
    source: "RFC 9113 §5.1.2; CVE-2023-44487, CVE-2025-8671",
    counter: "streams_refused",
    nginx: "http2_max_concurrent_streams",
  },
  streamWindowOctets: {
    counts:
      "SETTINGS_INITIAL_WINDOW_SIZE to downstream: the most request octets held for one stream; until the client has acknowledged SETTINGS at least the 65,535 that it starts with",
    value: 256 * KiB,
    unit: "octets",
    min: 1,
    max: WINDOW_MAX,
    per: "stream",
    stops: "unbounded buffering for a slow receiver",
    effect: "RST_STREAM(FLOW_CONTROL_ERROR)",
    source: "RFC 9113 §6.9.2; Envoy's advice for edges",
    counter: "stream_window_exceeded",
    nginx: "http2_body_preread_size",
  },
  upstreamStreamWindowOctets: {
    counts:
      "SETTINGS_INITIAL_WINDOW_SIZE to upstream: the most response octets held for a stream that is not drained",
    value: 64 * KiB,
    unit: "octets",
    min: 1,
    max: WINDOW_MAX,
    per: "stream",
    stops: "slow read (CVE-2019-9517): responses held for clients that do not take them",
    effect: "RST_STREAM(FLOW_CONTROL_ERROR)",
    source: "RFC 9113 §6.9.2; grpc-go, grpc-java",
    counter: "stream_window_exceeded",
  },
  connectionWindowOctets: {
    counts: "the window of a connection, on both sides",
    value: 16 * MiB,
    unit: "octets",
    min: 65_535,
    max: WINDOW_MAX,
    per: "connection",
    stops: "unbounded buffering for many slow receivers",
    effect: "GOAWAY(FLOW_CONTROL_ERROR)",
    source: "RFC 9113 §6.9.1",
    counter: "connection_window_exceeded",
  },
  frameOctets: {
    counts: "SETTINGS_MAX_FRAME_SIZE: the payload of one frame",
    value: 16_384,
    unit: "octets",
    min: 16_384,
    max: 2 ** 24 - 1,
    per: "frame",
    stops: "one frame that holds up every other stream, or the memory it takes",
    effect: "GOAWAY(FRAME_SIZE_ERROR)",
    source: "RFC 9113 §6.5.2",
    counter: "frame_too_large",
  },
  headerTableOctets: {
    counts: "SETTINGS_HEADER_TABLE_SIZE: the dynamic table that a peer's encoder may use",
    value: 4096,
    unit: "octets",
    min: 0,
    max: 64 * KiB,
    per: "connection",
    stops: "HPACK bomb (CVE-2016-6581): a large entry referred to again and again",
    effect: "GOAWAY(COMPRESSION_ERROR)",
    source: "RFC 7541 §4.2",
    counter: "header_table_exceeded",
  },
  encoderTableOctets: {
    counts: "the dynamic table that our own encoder uses, whatever the peer allows",
    value: 4096,
    unit: "octets",
    min: 0,
    max: 64 * KiB,
    per: "connection",
    stops: "a peer that makes us hold a table of 4 GiB (CVE-2019-9515 family)",
    effect: "the smaller size is used and announced",
    source: "RFC 7541 §4.2",
    counter: "header_table_reduced",
  },
  headerListOctets: {
    counts:
      "SETTINGS_MAX_HEADER_LIST_SIZE: names, values and 32 for each field, checked while decoding; trailers too",
    value: 64 * KiB,
    unit: "octets",
    min: 1 * KiB,
    max: 16 * MiB,
    per: "stream",
    stops: "HPACK bomb (CVE-2016-6581): references of one octet that expand",
    effect:
      "a request: RESOURCE_EXHAUSTED or 431, and a charge to the abuse bucket; a response's trailers and Trailers-Only are cut to what fits, their grpc-status kept; an interim response is left out; another head: RST_STREAM(ENHANCE_YOUR_CALM)",
    source: "RFC 9113 §10.5.1",
    counter: "header_list_too_large",
    nginx: "large_client_header_buffers",
  },

  // ---- Header blocks ----------------------------------------------------------------------------------------------
  headerFieldsMax: {
    counts: "fields of one header list of a client's, each cookie crumb one; trailers too",
    value: 128,
    unit: "fields",
    min: 16,
    max: 10_000,
    per: "stream",
    stops: "HPACK bomb of many small fields and cookie crumbs (2026): bookkeeping exceeds the octets",
    effect: "RESOURCE_EXHAUSTED or 431, and a charge to the abuse bucket",
    source: "RFC 9113 §8.2.3, §10.5.1; Envoy max_request_headers_count 100",
    counter: "header_fields_exceeded",
  },
  responseFieldsMax: {
    counts: "fields of one header list of a backend's; trailers too",
    value: 1024,
    unit: "fields",
    min: 16,
    max: 10_000,
    per: "stream",
    stops: "the same from a backend",
    effect:
      "trailers and Trailers-Only are cut to what fits, their grpc-status kept; an interim response is left out; another head: RST_STREAM(ENHANCE_YOUR_CALM)",
    source: "ours: as many as headerListOctets has room for; nginx passes 150",
    counter: "header_fields_exceeded",
  },
  headerBlockOctets: {
    counts:
      "encoded octets of one header block from a client; what headerListOctets has no room for is decoded for the table's sake and thrown away",
    value: 256 * KiB,
    unit: "octets",
    min: 1 * KiB,
    max: 16 * MiB,
    per: "connection",
    stops: "CONTINUATION flood (CVE-2024-27316 family): a block that never ends",
    effect: "GOAWAY(ENHANCE_YOUR_CALM); from 64 KiB on also where bufferedWithholdPercent is reached",
    source: "RFC 9113 §10.5.1; four times what is kept, so that one call alone pays for it",
    counter: "header_block_too_large",
  },
  responseBlockOctets: {
    counts: "the same from a backend",
    value: 1 * MiB,
    unit: "octets",
    min: 1 * KiB,
    max: 16 * MiB,
    per: "connection",
    stops: "the same from a backend, whose connection many calls share",
    effect: "GOAWAY(ENHANCE_YOUR_CALM); from 64 KiB on also where bufferedWithholdPercent is reached",
    source: "RFC 9113 §10.5.1",
    counter: "header_block_too_large",
  },
  continuationFramesMax: {
    counts:
      "CONTINUATION frames after one HEADERS, and one more for each 8 KiB of the block; an empty one that does not end the block is never accepted",
    value: 8,
    unit: "frames",
    min: 0,
    max: 10_000,
    per: "stream",
    stops: "CONTINUATION flood (CVE-2024-27316 family): a block that never ends",
    effect: "GOAWAY(ENHANCE_YOUR_CALM)",
    source: "nghttp2 1.61: 8; senders cut blocks into frames of 16 KiB",
    counter: "continuation_flood",
  },
  interimResponsesMax: {
    counts: "responses with a status below 200 before the final one; no window holds them back",
    value: 16,
    unit: "frames",
    min: 1,
    max: 10_000,
    per: "stream",
    stops: "a backend that sends 103 without end to a client that does not read",
    effect: "RST_STREAM(PROTOCOL_ERROR) upstream, and UNAVAILABLE to the client",
    source: "RFC 9110 §15.2; curl 8.13: 20",
    counter: "interim_responses_exceeded",
  },
  headerBlockTimeoutMs: {
    counts: "from HEADERS to END_HEADERS; of HTTP/1.1 from the first octet of a head to its end",
    value: 10_000,
    unit: "ms",
    min: 10,
    max: HOUR_MS,
    per: "stream",
    stops: "slowloris: half a header block holds a socket, and every stream behind it",
    effect: "GOAWAY(ENHANCE_YOUR_CALM); 408",
    source: "h2o http2-idle-timeout 10 s",
    counter: "header_block_timeout",
    nginx: "client_header_timeout",
  },

  // ---- The abuse bucket -------------------------------------------------------------------------------------------
  abuseBurst: {
    counts:
      "charges at once; a charge is a stream the peer resets early, one it makes us reset, a malformed request, a header list past its limit, an idle PING, or SETTINGS again for nothing",
    value: 200,
    unit: "charges",
    min: 1,
    max: MANY,
    per: "connection",
    stops:
      "rapid reset (CVE-2023-44487), MadeYouReset (CVE-2025-8671), PING and SETTINGS floods (CVE-2019-9512, -9515)",
    effect: "GOAWAY(ENHANCE_YOUR_CALM)",
    source: "nghttp2: 1000 and 33/s",
    counter: "abuse_exhausted",
  },
  abusePerSecond: {
    counts: "how fast the bucket fills again",
    value: 33,
    unit: "charges/s",
    min: 0,
    max: MANY,
    per: "connection",
    stops: "the same attacks, kept up slowly",
    effect: "GOAWAY(ENHANCE_YOUR_CALM)",
    source: "nghttp2: 33/s",
    counter: "abuse_exhausted",
  },
  answeredCallsOffset: {
    counts:
      "calls that a backend answered, each of which pays for one stream that its client resets early or that its deadline cuts; so many are saved up",
    value: 500,
    unit: "streams",
    min: 0,
    max: MANY,
    per: "connection",
    stops: "a client that gives up some of many calls being taken for one that attacks",
    effect: "a stream reset early is charged to the abuse bucket again",
    source: "Envoy premature_reset_total_stream_count 500, and half of all streams",
    counter: "abuse_peer_reset",
  },
  cutCallsMax: {
    counts:
      "calls with a deadline of at most one second that passed before a backend had answered, and those under way, less those answered and cutCallsPerSecond",
    value: 1000,
    unit: "streams",
    min: 1,
    max: MANY,
    per: "connection",
    stops: "rapid reset by deadline: grpc-timeout of a few milliseconds makes us reset each stream",
    effect:
      "new calls with such a deadline get RESOURCE_EXHAUSTED that names the limit, and no backend sees them; nothing else is touched",
    source: "ours: as many as may be open at once",
    counter: "cut_calls_exceeded",
  },
  cutCallsPerSecond: {
    counts: "cut calls of cutCallsMax forgiven each second",
    value: 250,
    unit: "streams/s",
    min: 0,
    max: MANY,
    per: "connection",
    stops: "the same, kept up slowly",
    effect: "as above",
    source: "ours: a client that misses a hundred deadlines a second is honest",
    counter: "cut_calls_exceeded",
  },
  pingIntervalMs: {
    counts:
      "a PING sooner than this after the last, with no HEADERS or DATA between, is charged to the abuse bucket",
    value: 1_000,
    unit: "ms",
    min: 0,
    max: HOUR_MS,
    per: "connection",
    stops: "PING flood (CVE-2019-9512)",
    effect: "one charge to the abuse bucket",
    source: "ours: no client's keepalive is more eager; gRPC servers ask for 5 min, gRFC A9",
    counter: "abuse_ping",
  },
  settingsPayloadOctets: {
    counts:
      "SETTINGS that come again after less payload than this, both ways, are charged to the abuse bucket",
    value: 16 * KiB,
    unit: "octets",
    min: 0,
    max: 1 * GiB,
    per: "connection",
    stops: "SETTINGS flood (CVE-2019-9515)",
    effect: "one charge to the abuse bucket",
    source: "grpc-go, grpc-java and C-core resize their window after 43 kB or more",
    counter: "abuse_settings",
  },

  // ---- Cheap frames -----------------------------------------------------------------------------------------------
  settingsEntriesMax: {
    counts: "entries of one SETTINGS frame",
    value: 32,
    unit: "entries",
    min: 8,
    max: 2730,
    per: "frame",
    stops: "SETTINGS flood (CVE-2019-9515, CVE-2020-11080): one frame, thousands of changes",
    effect: "GOAWAY(ENHANCE_YOUR_CALM)",
    source: "nghttp2 1.41: 32",
    counter: "settings_entries_exceeded",
  },
  controlFramesQueuedMax: {
    counts: "SETTINGS and PING acknowledgements and RST_STREAMs that wait for the peer to read",
    value: 1000,
    unit: "frames",
    min: 10,
    max: MANY,
    per: "connection",
    stops: "PING, SETTINGS and reset floods by a peer that does not read (CVE-2019-9512, -9514, -9515)",
    effect: "reading from the peer stops until it has read",
    source: "Envoy max_outbound_control_frames 1000",
    counter: "control_frames_queued",
  },
  unsentOctetsMax: {
    counts: "octets written that the peer's socket has not taken",
    value: 256 * KiB,
    unit: "octets",
    min: 16 * KiB,
    max: 64 * MiB,
    per: "connection",
    stops: "replies that pile up for a peer that does not read (CVE-2019-9512, -9517)",
    effect: "reading from the peer stops until it has read",
    source: "HAProxy and h2o stop reading too",
    counter: "unsent_octets_paused",
  },
  priorityFramesPerStreamMax: {
    counts: "PRIORITY and PRIORITY_UPDATE frames: at most this × (1 + streams opened so far)",
    value: 100,
    unit: "frames",
    min: 0,
    max: 100_000,
    per: "connection",
    stops: "PRIORITY flood (CVE-2019-9513)",
    effect: "GOAWAY(ENHANCE_YOUR_CALM)",
    source: "Envoy max_inbound_priority_frames_per_stream 100",
    counter: "priority_flood",
  },
  overheadOctetsMax: {
    counts:
      "octets that carry nothing (unknown frames, PRIORITY, padding): at most this + payload × overheadPerPayloadOctets, payload being DATA both ways and header blocks; of frames that do something only the padding counts, since short messages are honest work",
    value: 8 * MiB,
    unit: "octets",
    min: 64 * KiB,
    max: 1 * GiB,
    per: "connection",
    stops: "unknown-frame, PRIORITY and padding floods (CVE-2019-9513)",
    effect: "GOAWAY(ENHANCE_YOUR_CALM)",
    source: "nginx's flood detection: 8 MiB and seven times the payload, frame heads counted",
    counter: "overhead_flood",
  },
  overheadPerPayloadOctets: {
    counts:
      "octets of overhead that one octet of payload warrants; 16, so that frames of 16 octets may be padded with all that HTTP/2 allows",
    value: 16,
    unit: "octets per octet",
    min: 0,
    max: MANY,
    per: "connection",
    stops: "the same, kept in proportion to honest work",
    effect: "GOAWAY(ENHANCE_YOUR_CALM)",
    source:
      "nginx's flood detection: 7, frame heads counted; RFC 9113 §6.1: at most 256 octets of padding a frame",
    counter: "overhead_flood",
  },
  emptyFramesMax: {
    counts: "in a row: DATA or HEADERS with nothing in them that end no stream",
    value: 10,
    unit: "frames",
    min: 0,
    max: 100_000,
    per: "connection",
    stops: "empty-frame flood (CVE-2019-9518)",
    effect: "GOAWAY(ENHANCE_YOUR_CALM)",
    source: "Envoy max_consecutive_inbound_frames_with_empty_payload 1",
    counter: "empty_frames_flood",
  },
  windowUpdatesPerDataMax: {
    counts:
      "WINDOW_UPDATE frames: at most 1 + 2 × (streams opened + this × DATA frames sent, a long one as one for each KiB)",
    value: 10,
    unit: "frames per frame",
    min: 1,
    max: 100_000,
    per: "connection",
    stops: "tiny windows, one octet of credit at a time (CVE-2019-9511)",
    effect: "GOAWAY(ENHANCE_YOUR_CALM)",
    source: "Envoy max_inbound_window_update_frames_per_data_frame_sent 10",
    counter: "window_update_flood",
  },

  // ---- Sockets and time -------------------------------------------------------------------------------------------
  handshakeTimeoutMs: {
    counts: "from accept to the end of the TLS handshake, however it is spread",
    value: 10_000,
    unit: "ms",
    min: 10,
    max: HOUR_MS,
    per: "connection",
    stops: "slowloris: half a TLS handshake holds a socket",
    effect: "the connection is closed",
    source: "h2o handshake-timeout 10 s",
    counter: "handshake_timeout",
    nginx: "client_header_timeout",
  },
  prefaceTimeoutMs: {
    counts:
      "from accept, or the end of the handshake, to the end of the connection preface or the first octet of a request of HTTP/1.1, by ALPN or not; its head then has headerBlockTimeoutMs; upstream also for a connection without a waiting stream any more",
    value: 10_000,
    unit: "ms",
    min: 10,
    max: HOUR_MS,
    per: "connection",
    stops: "slowloris: half a preface holds a socket",
    effect: "the connection is closed",
    source: "RFC 9113 §3.4; h2o 10 s",
    counter: "preface_timeout",
    nginx: "client_header_timeout",
  },
  drainTimeoutMs: {
    counts: "from the last GOAWAY until the socket is destroyed",
    value: 5_000,
    unit: "ms",
    min: 0,
    max: HOUR_MS,
    per: "connection",
    stops: "a refused peer that keeps its socket by not reading",
    effect: "the socket is destroyed",
    source: "nginx lingering_timeout 5 s",
    counter: "drain_timeout",
    nginx: "lingering_timeout",
  },
  connectionsPerAddressMax: {
    counts: "downstream connections open from one address",
    value: 8192,
    unit: "connections",
    min: 1,
    max: 10 * MANY,
    per: "address",
    stops: "one address that takes all sockets; high, since a NAT or a proxy may stand before many clients",
    effect: "the connection is closed as it is accepted",
    source: "ours",
    counter: "connections_per_address_exceeded",
    nginx: "limit_conn",
  },
  connectionsMax: {
    counts: "downstream connections open",
    value: 65_536,
    unit: "connections",
    min: 1,
    max: 10 * MANY,
    per: "worker",
    stops: "running out of descriptors and memory in the middle of honest work",
    effect: "the connection is closed as it is accepted",
    source: "nginx worker_connections",
    counter: "connections_exceeded",
  },
  descriptorsReserved: {
    counts:
      "file descriptors that clients leave free, of those the process may have (ulimit -n), at most a quarter: for connections to endpoints, logs and certificates",
    value: 64,
    unit: "descriptors",
    min: 0,
    max: MANY,
    per: "process",
    stops:
      "running out of descriptors: clients whom the system accepts and closes unheard, endpoints out of reach",
    effect: "the client is closed at once, and the log says so every 10 s with the limit",
    source: "nginx worker_connections, which counts both sides",
    counter: "descriptors_exhausted",
    nginx: "worker_rlimit_nofile",
  },

  // ---- Memory -----------------------------------------------------------------------------------------------------
  connectionBufferedOctetsMax: {
    counts:
      "octets held for all streams of one connection, and heads and trailers that its peer does not read, past twice unsentOctetsMax",
    value: 16 * MiB,
    unit: "octets",
    min: 256 * KiB,
    max: 64 * GiB,
    per: "connection",
    stops: "slow read on every stream of a connection (CVE-2019-9517)",
    effect:
      "its largest holders are reset with RESOURCE_EXHAUSTED; it ends where unread heads are the largest",
    source: "ours: the connection window",
    counter: "connection_buffer_exceeded",
  },
  bufferedOctetsMax: {
    counts:
      "octets held for all streams, unread heads and trailers as above, and heads above 4 KiB for as long as their streams live",
    value: 256 * MiB,
    unit: "octets",
    min: 1 * MiB,
    max: 64 * GiB,
    per: "worker",
    stops: "slow read on many connections (CVE-2019-9517), or one day of bad network for everybody",
    effect: "the largest holders are reset with RESOURCE_EXHAUSTED",
    source: "Envoy overload manager",
    counter: "worker_buffer_exceeded",
  },
  bufferedWithholdPercent: {
    counts:
      "share of bufferedOctetsMax from which on streams get no new credit before all that came of them is taken",
    value: 80,
    unit: "percent",
    min: 1,
    max: 100,
    per: "worker",
    stops: "reaching the budget at full speed",
    effect: "no new credit for streams of which something is held, until less is held in all",
    source: "Envoy overload manager's scaled triggers",
    counter: "worker_buffer_withheld",
  },

  // ---- Overload ---------------------------------------------------------------------------------------------------
  overloadDelayMs: {
    counts:
      "how long new streams may have waited to be read, once the worker has been behind for overloadAfterMs: the last turn of the event loop and this one so far",
    value: 200,
    unit: "ms",
    min: 5,
    max: HOUR_MS,
    per: "worker",
    stops: "overload: more new streams than the processor can carry, so that none is served in time",
    effect: "new streams get RESOURCE_EXHAUSTED that names the limit; those under way are not touched",
    source: "CoDel (RFC 8289) and Facebook's controlled delay (Maurer, 2015), on turns in place of a queue",
    counter: "overload_delay_exceeded",
  },
  overloadAfterMs: {
    counts:
      "how long every turn of the event loop has to exceed overloadDelayMs before new streams are refused; and, without a refusal, how long until the worker counts as caught up",
    value: 500,
    unit: "ms",
    min: 0,
    max: HOUR_MS,
    per: "worker",
    stops: "one pause of the machine or of the garbage collector being taken for overload",
    effect: "overloadDelayMs is enforced",
    source: "CoDel (RFC 8289): its interval, five times as long",
    counter: "overload_delay_exceeded",
  },
  workerStreamsMax: {
    counts: "streams under way that go to an endpoint or wait for one",
    value: 200_000,
    unit: "streams",
    min: 1,
    max: 10 * MANY,
    per: "worker",
    stops: "running out of memory in the middle of honest work",
    effect: "new streams get RESOURCE_EXHAUSTED that names the limit; those under way are not touched",
    source: "nginx worker_connections, per stream here",
    counter: "worker_streams_exceeded",
  },

  // ---- Upstream work ----------------------------------------------------------------------------------------------
  discoveredEndpointsMax: {
    counts: "endpoints that one source may name",
    value: 20_000,
    unit: "endpoints",
    min: 1,
    max: MANY,
    per: "source",
    stops: "a source that is broken or hostile: an answer without end fills the memory of every thread",
    effect: "the answer is not taken, the last one stays, and the log says so",
    source: "a Kubernetes Service with 100 EndpointSlices has 10,000",
    counter: "discovery_refused",
  },
  countedRoutesMax: {
    counts:
      "routes that have metrics of their own; names of a server and a route that are written alike are one",
    value: 1000,
    unit: "entries",
    min: 1,
    max: 65_536,
    per: "process",
    stops:
      "a configuration of tens of thousands of locations makes an answer to each scrape of many megabytes",
    effect: "the streams of further routes are counted together, as `(others)`",
    source: "own",
    counter: "counted_routes_exceeded",
  },
  pickQueueMax: {
    counts: "streams waiting for an endpoint to become ready",
    value: 10_000,
    unit: "streams",
    min: 0,
    max: MANY,
    per: "endpoint",
    stops: "overload: calls that wait until the answer is not wanted any more",
    effect: "UNAVAILABLE that names the limit",
    source: "100,000 streams that come back at once find eight endpoints; Envoy max_pending_requests is 1024",
    counter: "pick_queue_full",
  },
  pickQueueTimeoutMs: {
    counts:
      "how long one stream waits for a place on connections that are full; for a connection it waits as long as its route says",
    value: 10_000,
    unit: "ms",
    min: 0,
    max: HOUR_MS,
    per: "stream",
    stops: "a silent wait for an endpoint that does not come",
    effect: "UNAVAILABLE that names the limit",
    source: "linkerd fails fast after 3 s; longer here",
    counter: "pick_queue_timeout",
  },
  wholeMessageOctetsMax: {
    counts:
      "a response message that is held until it is whole, where a route has continuity; at most half of upstreamStreamWindowOctets",
    value: 32 * KiB,
    unit: "octets",
    min: 0,
    max: WINDOW_MAX,
    per: "stream",
    stops: "a large message that makes us hold all of it",
    effect: "it passes as it comes, and while it is under way its call cannot go on with another leg",
    source: "ours: what an endpoint always has credit for",
    counter: "continuity_ended",
  },
  retryBudgetPercent: {
    counts: "share that retries may add to the streams started in the last ten seconds",
    value: 20,
    unit: "percent",
    min: 0,
    max: 1000,
    per: "cluster",
    stops: "retry storm: failing backends get more work than healthy ones",
    effect: "the failure is passed on instead of retried",
    source: "Finagle, linkerd: 20 %; gRFC A6",
    counter: "retry_budget_exhausted",
  },
  retriesPerSecondMin: {
    counts: "retries always allowed, so that a quiet cluster can retry at all",
    value: 10,
    unit: "retries/s",
    min: 0,
    max: MANY,
    per: "cluster",
    stops: "a budget of nothing where there is little work",
    effect: "the failure is passed on instead of retried",
    source: "Finagle, linkerd: 10/s",
    counter: "retry_budget_exhausted",
  },
  retryBackoffMs: {
    counts:
      "before the second retry of a call that an endpoint has answered or may have seen, give or take a fifth; twice as long before each further one",
    value: 25,
    unit: "ms",
    min: 0,
    max: HOUR_MS,
    per: "stream",
    stops: "a call that asks every endpoint of a cluster in trouble in the same moment",
    effect: "the call waits",
    source: "Envoy base_interval; the first goes elsewhere at once, as in nginx",
    counter: "retries_delayed",
  },
  retryBackoffMaxMs: {
    counts: "the most that retryBackoffMs grows to",
    value: 250,
    unit: "ms",
    min: 0,
    max: HOUR_MS,
    per: "stream",
    stops: "the same",
    effect: "delays grow no more",
    source: "Envoy max_interval: ten times the base",
    counter: "retries_delayed",
  },
  retryPushbackMaxMs: {
    counts: "what a backend may ask for by grpc-retry-pushback-ms before its call is tried again",
    value: 30_000,
    unit: "ms",
    min: 0,
    max: HOUR_MS,
    per: "stream",
    stops: "calls that a backend has us hold for as long as it likes",
    effect: "the backend's answer is passed on, pushback included",
    source: "gRFC A6 has no bound",
    counter: "retry_pushback_refused",
  },
  connectionsPerEndpointMax: {
    counts: "upstream connections to one endpoint, where the cluster sets no number of its own",
    value: 1024,
    unit: "connections",
    min: 1,
    max: MANY,
    per: "endpoint",
    stops: "a backend that grants one stream per connection and so takes all our descriptors",
    effect: "the stream waits in the pick queue",
    source: "Envoy max_connections 1024",
    counter: "endpoint_connections_exceeded",
  },
  connectionsOpeningMax: {
    counts:
      "upstream connections to one endpoint that are being made at once; one alone after one that failed",
    value: 128,
    unit: "connections",
    min: 1,
    max: MANY,
    per: "endpoint",
    stops: "a burst of connections that overflows the backend's queue of those to accept",
    effect: "the stream waits in the pick queue; the next are made as these come up",
    source: "listen backlogs: 128 and more",
    counter: "connections_opening_exceeded",
  },
  upstreamResetsMax: {
    counts: "streams that we reset on one connection to an endpoint, less upstreamResetsPerSecond",
    value: 400,
    unit: "streams",
    min: 1,
    max: MANY,
    per: "connection",
    stops:
      "an endpoint that takes the cancels of many callers for one attacker's, and ends the connection with everybody's streams",
    effect: "the connection gets no new streams and ends with its last; another takes its place",
    source: "nghttp2, and so Node and grpc-js, ends a connection past 1000 and 33/s",
    counter: "upstream_resets_exceeded",
  },
  upstreamResetsPerSecond: {
    counts: "resets of upstreamResetsMax forgotten each second",
    value: 25,
    unit: "streams/s",
    min: 0,
    max: MANY,
    per: "connection",
    stops: "the same, kept up slowly",
    effect: "the connection gets no new streams and ends with its last; another takes its place",
    source: "nghttp2: 33/s",
    counter: "upstream_resets_exceeded",
  },
  hastenedPingAfterMs: {
    counts:
      "how long an endpoint says nothing at all to new streams until a PING asks after it, ahead of its keepalive; at most one in 10 s, and no more than gRPC servers permit",
    value: 3_000,
    unit: "ms",
    min: 0,
    max: HOUR_MS,
    per: "connection",
    stops: "a frozen endpoint whose kernel goes on accepting streams, each of them lost",
    effect: "a PING, that has hastenedPingTimeoutMs to be answered",
    source: "ours; gRFC A8 and A9 for what is permitted",
    counter: "ping_hastened",
  },
  hastenedPingTimeoutMs: {
    counts:
      "from such a PING to its answer, or to anything else that comes; keepalive's own timeout where that is less",
    value: 8_000,
    unit: "ms",
    min: 100,
    max: HOUR_MS,
    per: "connection",
    stops: "the same; a pause of a garbage collector should fit in it",
    effect: "the connection ends, its streams get UNAVAILABLE, and the endpoint is charged with a failure",
    source: "ours: with hastenedPingAfterMs less than 15 s in all",
    counter: "ping_timeout",
  },
  pingIntervalMaxMs: {
    counts:
      "how far apart PINGs to an endpoint get that answers them with GOAWAY(ENHANCE_YOUR_CALM); each doubles it",
    value: HOUR_MS,
    unit: "ms",
    min: 1_000,
    max: 24 * HOUR_MS,
    per: "endpoint",
    stops: "an endpoint that talks us out of noticing that it is gone",
    effect: "PINGs get no rarer",
    source: "gRFC A8 doubles without a bound; the default interval is 5 min, gRPC servers' own bound",
    counter: "keepalive_calmed",
  },
  reconnectDelayMs: {
    counts:
      "from the start of a connection that failed to the start of the next to that endpoint, give or take a fifth; 1.6 times as long after each in a row, up to 0.3 s while the endpoint has been down for less than a minute, and to a 200th of that time later",
    value: 100,
    unit: "ms",
    min: 0,
    max: HOUR_MS,
    per: "endpoint",
    stops:
      "an endpoint that refuses connections, or accepts them and serves nothing, being dialled again and again",
    effect: "the stream is tried elsewhere, or waits where the endpoint did speak HTTP/2",
    source: "gRPC connection-backoff.md; 1 s there, where every client dials for itself",
    counter: "reconnect_delayed",
  },
  reconnectDelayMaxMs: {
    counts: "the most that reconnectDelayMs grows to",
    value: 3_000,
    unit: "ms",
    min: 0,
    max: HOUR_MS,
    per: "endpoint",
    stops: "the same, and an endpoint that is back staying unused",
    effect: "delays grow no more",
    source: "gRPC connection-backoff.md; 120 s there",
    counter: "reconnect_delayed",
  },
  pacedStreamsPerSecond: {
    counts:
      "live streams of one endpoint that are ended or moved by our own choice: drains, ages, keys with another owner",
    value: 100,
    unit: "streams/s",
    min: 1,
    max: MANY,
    per: "endpoint",
    stops: "a reconnect storm: all streams of an endpoint that is drained come to the others at once",
    effect: "the stream waits for its turn, and goes on meanwhile",
    source: "ours; for each data thread",
    counter: "streams_paced",
  },
  takeoversPerSecond: {
    counts:
      "streams that go on at one endpoint since their own backend is gone, where a route has continuity",
    value: 500,
    unit: "streams/s",
    min: 1,
    max: MANY,
    per: "endpoint",
    stops: "the orphans of one backend falling on a survivor at once",
    effect: "the stream waits for its turn, at most for its route's gapMax",
    source: "ours; for each data thread",
    counter: "continuity_ended",
  },
  pacedClientGapMs: {
    counts: "between the turns of two streams of one client's connection, when they are ended or moved so",
    value: 100,
    unit: "ms",
    min: 0,
    max: HOUR_MS,
    per: "connection",
    stops: "one client that loses all its streams in the same moment",
    effect: "the stream waits for its turn, and goes on meanwhile",
    source: "ours",
    counter: "streams_paced",
  },

  // ---- Calls and messages -----------------------------------------------------------------------------------------
  subrequestTimeoutMs: {
    counts: "how long a location that is asked about a request may take",
    value: 30_000,
    unit: "ms",
    min: 1,
    max: HOUR_MS,
    per: "stream",
    stops: "an authorization server that hangs",
    effect: "500, or UNAVAILABLE to a gRPC client",
    source: "nginx has its 60 s of proxy_read_timeout",
    counter: "subrequest_timeout",
  },
  jwtOctetsMax: {
    counts: "octets of a token",
    value: 16 * KiB,
    unit: "octets",
    min: 256,
    max: 1024 * KiB,
    per: "stream",
    stops: "tokens that cost more to read than they are worth",
    effect: "401, or UNAUTHENTICATED to a gRPC client",
    source: "nginx has 8 KiB for a header field",
    counter: "jwt_too_long",
  },
  jwtVerificationsMax: {
    counts: "tokens that are being verified at once; those that were verified before do not count",
    value: 1024,
    unit: "entries",
    min: 1,
    max: 1_000_000,
    per: "worker",
    stops: "callers that keep the processor busy with tokens of their own making",
    effect: "503, or RESOURCE_EXHAUSTED to a gRPC client",
    source: "ours",
    counter: "jwt_verifications_exceeded",
  },
  jwtCacheOctets: {
    counts: "memory for tokens that were verified, for each set of keys, so that each is verified once",
    value: 4 * MiB,
    unit: "octets",
    min: 64 * KiB,
    max: GiB,
    per: "worker",
    stops: "verifying the token of a caller for each of its calls",
    effect: "the token used longest ago is verified again when it comes",
    source: "ours",
    counter: "jwt_forgotten",
  },
  jwksOctetsMax: {
    counts: "octets of a set of keys for tokens (JWKS)",
    value: MiB,
    unit: "octets",
    min: KiB,
    max: 64 * MiB,
    per: "source",
    stops: "a server of keys that sends without end",
    effect: "the last good keys are used; once they are too old, 500, or UNAVAILABLE to a gRPC client",
    source: "ours",
    counter: "jwks_too_large",
  },
  jwksKeysMax: {
    counts: "keys of such a set",
    value: 256,
    unit: "entries",
    min: 1,
    max: 10_000,
    per: "source",
    stops: "a token that names no key, tried with thousands",
    effect: "as for jwksOctetsMax",
    source: "ours",
    counter: "jwks_too_large",
  },
  jwksTimeoutMs: {
    counts: "how long a server may take to send its keys for tokens, all of them",
    value: 5_000,
    unit: "ms",
    min: 1,
    max: HOUR_MS,
    per: "source",
    stops: "callers that wait for a server that hangs",
    effect: "as for jwksOctetsMax",
    source: "jose has 5 s",
    counter: "jwks_timeout",
  },
  grpcTimeoutDigitsMax: {
    counts: "digits of a grpc-timeout; what is accepted is clamped to what a timer can hold",
    value: 8,
    unit: "digits",
    min: 1,
    max: 8,
    per: "stream",
    stops: "overflow: a timer above 2^31-1 ms fires at once in JavaScript",
    effect: "INVALID_ARGUMENT",
    source: "gRPC over HTTP/2: TimeoutValue, at most 8 digits",
    counter: "grpc_timeout_malformed",
  },
  messageOctetsMax: {
    counts:
      "one message where it has to be whole: the bridges; elsewhere messages of any size pass in pieces",
    value: 4 * MiB,
    unit: "octets",
    min: 1 * KiB,
    max: WINDOW_MAX,
    per: "message",
    stops: "message bomb: a prefix that announces 4 GiB",
    effect: "RESOURCE_EXHAUSTED",
    source: "gRPC's default for received messages",
    counter: "message_too_large",
    nginx: "grpc_message_max_size",
  },
  messageValuesMax: {
    counts:
      "values of one message that a bridge translates: of JSON every value, of protobuf every field, element and entry, those of unknown fields and groups too; counted as they come, and no object is made of them",
    value: 500_000,
    unit: "values",
    min: 100,
    max: 1000 * MANY,
    per: "message",
    stops: "a few octets, compressed, that become millions of values: `{},{},{}…`",
    effect: "RESOURCE_EXHAUSTED",
    source: "4 MiB of JSON with 8 octets for each value",
    counter: "message_values_exceeded",
  },
  messageDepthMax: {
    counts: "messages within messages, and levels of google.protobuf.Struct, that a bridge translates",
    value: 100,
    unit: "levels",
    min: 1,
    max: 10_000,
    per: "message",
    stops: "nesting without end, which takes stack or memory for each level",
    effect: "RESOURCE_EXHAUSTED",
    source: "protobuf's own recursion limit in C++, Java and JavaScript",
    counter: "message_too_deep",
  },
  messageGrowthMax: {
    counts:
      "octets that a bridge's translation of a message may have, for each octet that the message itself may have",
    value: 8,
    unit: "octets per octet",
    min: 1,
    max: 1000,
    per: "message",
    stops:
      "short values that are long in the other form: packed enums and booleans, control characters, field names",
    effect: "RESOURCE_EXHAUSTED",
    source: "twice what octets of a string become when each needs an escape, as far as honest messages go",
    counter: "message_growth_exceeded",
  },
  messagesAtWorkMax: {
    counts:
      "large messages of the bridges that are decompressed or translated side by side; others wait as they came",
    value: 4,
    unit: "messages",
    min: 1,
    max: 1000,
    per: "worker",
    stops: "many messages that are large at the same time, each within its own bound",
    effect: "the message waits",
    source: "as many as Node has threads for decompression",
    counter: "messages_waited",
  },
  descriptorOctetsMax: {
    counts: "descriptors that a route's backends tell by server reflection: one answer, and all that is kept",
    value: 64 * MiB,
    unit: "octets",
    min: 64 * KiB,
    max: GiB,
    per: "cluster",
    stops: "a backend that describes itself without end",
    effect: "UNAVAILABLE; of what is kept the oldest goes",
    source: "descriptors of all of googleapis, twice",
    counter: "descriptors_too_large",
  },
  reflectedServicesMax: {
    counts:
      "services whose descriptors a route keeps: once for all callers, or once for each that has to show credentials for them",
    value: 1000,
    unit: "services",
    min: 1,
    max: MANY,
    per: "cluster",
    stops: "callers with ever other credentials, or names of services",
    effect: "the oldest is forgotten, and asked for again when it is needed",
    source: "more than any backend has; a hash and a reference each",
    counter: "reflected_services_exceeded",
  },
  regexSteps: {
    counts:
      "steps that one regex of the configuration takes for one path or name. Where it has no reference, lookaround or atomic group, they grow with the text alone: ordinary ones never come near",
    value: 1_000_000,
    unit: "steps",
    min: 1000,
    max: 1_000_000_000,
    per: "stream",
    stops: "a regex that goes back over its choices for longer than anyone waits (ReDoS)",
    effect: "500, or INTERNAL to a gRPC client",
    source: "PCRE's match_limit of ten million, at which nginx answers 500",
    counter: "regex_steps_exceeded",
  },
  variableClustersMax: {
    counts: "addresses that variables have come to, whose connections are kept",
    value: 256,
    unit: "entries",
    min: 1,
    max: 65_536,
    per: "worker",
    stops: "clients that choose where calls go, by a variable, and choose each time another address",
    effect: "the one not used for the longest time is let go: its connections end with their streams",
    source: "own",
    counter: "variable_clusters_exceeded",
  },
  http1HeadOctets: {
    counts: "request line and fields of an HTTP/1.1 request, WebSocket handshakes among them",
    value: 16 * KiB,
    unit: "octets",
    min: 1 * KiB,
    max: 1 * MiB,
    per: "connection",
    stops: "a handshake that never ends",
    effect: "431",
    source: "RFC 6585 §5; Node's 16 KiB",
    counter: "http1_head_too_large",
    nginx: "large_client_header_buffers",
  },
} as const satisfies Record<string, LimitRow>

export type LimitName = keyof typeof rows

/** Every bound by name, as plain numbers: what the data plane reads. The unit is the last word of the name or in `limitTable`. */
export type Limits = { readonly [Name in LimitName]: number }

/** The same bounds with unit, range, source, attack and counter: for the documentation, the config and the metrics. */
export const limitTable: { readonly [Name in LimitName]: LimitRow } = rows

export const limitNames = Object.keys(rows) as LimitName[]

export const defaultLimits: Limits = Object.freeze(
  Object.fromEntries(limitNames.map((name) => [name, rows[name].value])) as { [Name in LimitName]: number },
)
