/**
 * Sluice's own: the admin API, what browsers may speak, streams that outlive their backend, how old streams and connections get, and what of balancing nginx
 * has no words for. Shapes as in `honoured.ts`; nginx knows none of these.
 */
export const OWN: [name: string, shape: string, does: string][] = [
  [
    "sluice_admin",
    "M 1+",
    "Sluice's own: where the running process is asked and told things: an address, `token=` file, `host=` name; `off`",
  ],
  [
    "sluice_xds",
    "M 1+",
    "Sluice's own: where gRPC clients without a proxy are told of endpoints, by xDS: an address, `certificate=`, `key=` and `client_ca=` files",
  ],
  [
    "sluice_metrics",
    "M 1",
    "Sluice's own: what is counted for `/metrics`: `full`, or `basic`: nothing by route, and no histograms",
  ],
  [
    "sluice_limit",
    "M 2*",
    "Sluice's own: a bound of [limits](limits.md) by its name, such as `headerFieldsMax 500`, `messageOctetsMax 8m`, `prefaceTimeoutMs 5s`; sizes as nginx writes them, times with their unit",
  ],
  [
    "access_log_interval",
    "HSL time",
    "Sluice's own: access logs have a record when a stream begins and one in so long while it goes on: `$stream_event` is `start`, `alive` or `end`",
  ],
  [
    "auth_jwt_key_url",
    "HSL 1-2*",
    "Sluice's own: an address, `https://` or `http://`, that answers with a JSON Web Key Set; asked again every `auth_jwt_key_cache`, and when a token names a key that is not there; `ca=` file of trusted certificates",
  ],
  [
    "auth_jwt_key_stale",
    "HSL time",
    "Sluice's own: how long the last good keys hold where others cannot be had; 1h unless written; then no caller is let in",
  ],
  ["auth_jwt_issuer", "HSL 1+", "Sluice's own: `iss` must be one of these"],
  ["auth_jwt_audience", "HSL 1+", "Sluice's own: `aud` must name one of these"],
  [
    "auth_jwt_algorithms",
    "HSL 1+",
    "Sluice's own: signatures by these alone are taken, such as `RS256 ES256`",
  ],
  [
    "auth_jwt_end_streams",
    "HSL flag",
    "Sluice's own: a stream ends with UNAUTHENTICATED when its token expires",
  ],
  [
    "ext_authz",
    "HSL 1+",
    "Sluice's own: Envoy's authorization service is asked: as for `grpc_pass`, then `timeout=200ms`, `fail=closed` or `open`, `status_on_error=403`; `off`",
  ],
  [
    "ext_authz_context",
    "HSL 2*",
    "Sluice's own: a name and a value of `context_extensions` in that question",
  ],
  [
    "rate_limit_service",
    "HSL 1+",
    "Sluice's own: Envoy's rate limit service is asked: as for `grpc_pass`, then `domain=`, `timeout=20ms`, `fail=open` or `closed`; `off`",
  ],
  [
    "rate_limit_descriptor",
    "HSL 1+*",
    "Sluice's own: what that service counts: `key=value` with variables, several for one descriptor; one with an empty value is left out",
  ],
  ["grpc_web", "HSL flag", "Sluice's own: gRPC-Web, binary and text, is translated to gRPC"],
  ["grpc_connect", "HSL flag", "Sluice's own: Connect, unary and streaming, is translated to gRPC"],
  [
    "grpc_websocket",
    "HSL flag",
    "Sluice's own: WebSockets, with JSON messages or the `grpc-websockets` subprotocol, are gRPC streams",
  ],
  ["grpc_method", "L 1", "Sluice's own: the method that every such call means; else the path says it"],
  ["grpc_path_prefix", "HSL 1", "Sluice's own: taken off the path of such a call before it says the method"],
  [
    "grpc_allow_origin",
    "HSL 1+*",
    "Sluice's own: origins of other hosts whose pages may call: `https://app.example`, `https://*.example`, `~regex`; `*`: all",
  ],
  [
    "grpc_descriptor_set",
    "HSL 1",
    "Sluice's own: file with a FileDescriptorSet for JSON; else the endpoint's reflection is asked",
  ],
  [
    "grpc_query_metadata",
    "HSL 1+*",
    "Sluice's own: query parameters of a WebSocket that become request headers",
  ],
  [
    "grpc_cookie_metadata",
    "HSL 1",
    "Sluice's own: cookie of a WebSocket that becomes `authorization: Bearer ...`",
  ],
  [
    "grpc_message_max_size",
    "HSL offset",
    "Sluice's own: largest message of a WebSocket, of Connect or of JSON, from 1k; 4m unless written",
  ],
  [
    "grpc_hash",
    "U 1-3*",
    "Sluice's own: by a key as Envoy and gRPC place it, on a `ring` or by `maglev`; `balance_factor=`: most streams of a server, in percent of the mean",
  ],
  [
    "grpc_discover",
    "U 2+*",
    "Sluice's own: endpoints from a `file`, `etcd`, `consul` or `kubernetes`, see operating.md",
  ],
  [
    "grpc_drain_grace",
    "U time",
    "Sluice's own: how long live streams may go on where a server drains, is unhealthy or is gone; without end unless written",
  ],
  [
    "grpc_rehome",
    "U 1",
    "Sluice's own: with `hash`, `ip_hash` or `grpc_hash`, streams whose key belongs to another server since servers came or went end: `never`, `idle` (after 10 s of silence) or `always`",
  ],
  [
    "grpc_max_stream_age",
    "HSL time",
    "Sluice's own: streams that are older, give or take a fifth, end with UNAVAILABLE, one after the other",
  ],
  [
    "grpc_max_connection_age",
    "HS time",
    "Sluice's own: at this age, give or take a fifth, a client's connection gets GOAWAY; of the address's default server",
  ],
  [
    "grpc_max_connection_age_grace",
    "HS time",
    "Sluice's own: how long after that its streams may go on; without end unless written",
  ],
  [
    "grpc_outlier_detection",
    "U 0+",
    "Sluice's own: servers that fail more than others are left out for a while; parameters with Envoy's names, such as `interval=10s consecutive_failures=5`; `off`",
  ],
  [
    "grpc_rebalance",
    "U 1+",
    "Sluice's own: `on`: live streams with continuity move to servers that have too few; `tolerance=10` percent, `after=30s`, `dwell=60s`, `pace=50` a second, `max_stream_age=` for those that cannot move; `off`",
  ],
  [
    "grpc_panic_threshold",
    "U number",
    "Sluice's own: where a smaller share of the servers is healthy, in percent, all are used; 50 unless written",
  ],
  [
    "grpc_continuity",
    "HSL 1+",
    "Sluice's own: streams outlive their backend: modes, then `keep=64k gap_max=10s legs_max=8` and others; `off`",
  ],
  [
    "limit_message_zone",
    "H 2*",
    "Sluice's own: a key and `zone=name:size`, for `limit_messages`; true over all threads",
  ],
  [
    "limit_messages",
    "HSL 1-4*",
    "Sluice's own: how many messages a client may send: `rate=20/s` or `/m`, `burst=`; of each stream or, with `zone=`, of all of a key; more wait, and get no credit; with `from=backend` the same of what backends send; `off`",
  ],
  [
    "limit_message_octets",
    "HSL 1-4*",
    "Sluice's own: the same of octets: `rate=64k/s`, `burst=`, `zone=`, `from=`; `off`",
  ],
  [
    "grpc_limits",
    "U 1+",
    "Sluice's own: bounds of the upstream over all threads, none unless written: `streams=`, `waiting_streams=`, `connections=`, `retries=`; what is over them is refused by name, live streams never end for them",
  ],
]
