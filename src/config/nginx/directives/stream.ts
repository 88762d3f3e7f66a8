/** What nginx knows in `stream {}`: all of it apart from HTTP, though names are the same. Shapes as `spec.ts` reads them. */
import type { DirectiveGroup } from "./spec.ts"

/** What does there what nginx documents. */
export const STREAM: [name: string, shape: string, does: string][] = [
  ["stream", "M 0{}", "TCP servers: connections are relayed as they are"],
  ["server", "h 0{}", "a TCP server"],
  [
    "listen",
    "s 1+*",
    "address and port, `unix:`, port ranges; `ssl`, `default_server`, `backlog`, `reuseport`, `ipv6only`, `proxy_protocol`, `so_keepalive`; `udp` is an error",
  ],
  [
    "server_name",
    "s 1+*",
    "by SNI, where TLS is terminated or `ssl_preread` is on; groups of a regex are variables",
  ],
  ["upstream", "h 1{}", "a cluster; one that has the name of an upstream of `http` is told as `tcp:NAME`"],
  [
    "server",
    "u 1+*",
    "an endpoint: `weight`, `max_conns`, `max_fails`, `fail_timeout`, `slow_start`, `backup`, `down`, `resolve`, `service=`",
  ],
  ["resolver", "hs 1+", "as in `http`"],
  ["resolver", "u 1+", "the same, for all names of this upstream"],
  ["least_conn", "u 0*", "fewest connections open, by weight"],
  ["hash", "u 1-2*", "by a key, to the server that nginx would send it to; `consistent`: by ketama's ring"],
  ["random", "u 0-2*", "any, by weight; `two`: the better of two, by `least_conn` or `least_time=`"],
  [
    "least_time",
    "u 1-2*",
    "least product of the time and the connections open, by weight; `connect`, `first_byte` or `last_byte`; `inflight`",
  ],
  ["proxy_pass", "s 1", "an upstream's name, `host:port`, `unix:`, variables"],
  ["proxy_connect_timeout", "hs time", "for connecting to an endpoint; 60s unless written"],
  ["proxy_timeout", "hs time", "longest silence of both sides; 10m unless written"],
  ["proxy_next_upstream", "hs flag", "an endpoint that does not accept: the next one is tried; on"],
  ["proxy_next_upstream_tries", "hs number", "most tries; 0: as many as there are endpoints"],
  ["proxy_next_upstream_timeout", "hs time", "no more tries after it; 0: no limit"],
  ["proxy_protocol", "hs 1", "`on`, `v2`: the endpoint is told the client by the PROXY protocol"],
  ["proxy_half_close", "hs flag", "each direction ends by itself; on, unless written"],
  ["proxy_upload_rate", "hs 1", "octets a second from the client; with variables, for each session"],
  ["proxy_download_rate", "hs 1", "octets a second from the endpoint; with variables, for each session"],
  [
    "proxy_bind",
    "hs 1-2",
    "local address of connections to endpoints, with a port or without, and with variables; `off`; `transparent` is an error",
  ],
  ["proxy_socket_keepalive", "hs flag", "SO_KEEPALIVE on connections to endpoints"],
  ["proxy_ssl", "hs flag", "TLS to endpoints"],
  ["proxy_ssl_alpn", "hs 1+", "protocols that are offered to endpoints"],
  ["proxy_ssl_certificate", "hs 1", "client certificate shown to endpoints"],
  ["proxy_ssl_certificate_key", "hs 1", "its private key"],
  ["proxy_ssl_password_file", "hs 1", "passphrases, one a line, of which one opens it"],
  ["proxy_ssl_ciphers", "hs 1", "OpenSSL's cipher list"],
  ["proxy_ssl_name", "hs 1", "name that the endpoint's certificate must have, with variables"],
  ["proxy_ssl_protocols", "hs 1+*", "TLSv1 to TLSv1.3"],
  ["proxy_ssl_server_name", "hs flag", "send that name as SNI"],
  ["proxy_ssl_crl", "hs 1", "revocation lists of these authorities, one of each; with `proxy_ssl_verify`"],
  ["proxy_ssl_trusted_certificate", "hs 1", "authorities that the endpoint's certificate must come from"],
  ["proxy_ssl_verify", "hs flag", "verify the endpoint's certificate; off unless written"],
  ["proxy_ssl_verify_depth", "hs number", "longest chain of the endpoint's certificate"],
  ["ssl_preread", "hs flag", "reads SNI and ALPN of a ClientHello, and passes it on: `$ssl_preread_…`"],
  ["preread_buffer_size", "hs size", "most octets of a ClientHello, 400 past it; at most 1m"],
  ["preread_timeout", "hs time", "for all of it"],
  ["proxy_protocol_timeout", "hs time", "for the PROXY protocol's header"],
  ["tcp_nodelay", "hs flag", "TCP_NODELAY on both sides; on"],
  [
    "pass",
    "s 1",
    "the client goes on at another listener of this process, of `http` or `stream`, by its address; variables",
  ],
  ["return", "s 1", "what clients are told, then the connection ends"],
  ["set", "s 2*", "sets a variable"],
  ["map", "h 2{}", "as in `http`"],
  ["geo", "h 1-2{}", "as in `http`"],
  ["split_clients", "h 2{}", "as in `http`"],
  [
    "allow",
    "hs 1*",
    "an address, a network, `unix:` or `all`; the first of these and of `deny` that fits counts",
  ],
  ["deny", "hs 1*", "403: the connection is closed before TLS"],
  ["limit_conn_zone", "h 2*", "a key and `zone=name:size`, apart from the zones of `http`"],
  ["limit_conn", "hs 2*", "most connections of a key open at once, over all threads; 503"],
  ["limit_conn_dry_run", "hs flag", "refusals are logged only"],
  ["set_real_ip_from", "hs 1*", "proxies that are believed who the client is, by the PROXY protocol"],
  ["log_format", "h 2+*", "`escape=default|json|none`"],
  ["access_log", "hs 1+*", "path, format, `off`, `buffer=`, `flush=`, `if=`; `gzip` is left out"],
  ["error_log", "hs 1+*", "the first one of the outermost level of the file counts"],
  ["ssl_alpn", "hs 1+", "protocols that are spoken over TLS"],
  ["ssl_handshake_timeout", "hs time", "for a client's handshake; never longer than `handshakeTimeoutMs`"],
  [
    "health_check",
    "s 0+*",
    "NGINX Plus's: an endpoint is healthy that accepts a connection; `interval=`, `jitter=`, `fails=`, `passes=`, `port=`, `mandatory`, `persistent`, `match=`",
  ],
  ["match", "h 1{}", "NGINX Plus's: what a health check sends, and what must come: `send`, `expect`"],
]

/** Of TLS: what becomes of them in `http` becomes of them here. */
export const AS_IN_HTTP: readonly string[] = `
  ssl_certificate ssl_certificate_key ssl_protocols ssl_ciphers ssl_client_certificate ssl_reject_handshake
  ssl_verify_client ssl_verify_depth ssl_session_timeout ssl_certificate_cache ssl_certificate_compression
  ssl_conf_command ssl_crl ssl_dhparam ssl_ecdh_curve ssl_ech_file ssl_ocsp ssl_ocsp_cache ssl_ocsp_responder
  ssl_password_file ssl_prefer_server_ciphers ssl_session_cache ssl_session_ticket_key ssl_session_tickets
  ssl_stapling ssl_stapling_file ssl_stapling_responder ssl_stapling_verify ssl_trusted_certificate`
  .trim()
  .split(/\s+/)

export const STREAM_OTHERS: DirectiveGroup[] = [
  {
    verdict: "no effect",
    reason: "buffers, pools and tables size themselves; limits.ts has their bounds",
    directives: {
      "h number": `
        map_hash_bucket_size map_hash_max_size server_names_hash_bucket_size
        server_names_hash_max_size variables_hash_bucket_size variables_hash_max_size`,
      "hs size": `
        proxy_buffer_size proxy_downstream_buffer proxy_upstream_buffer proxy_socket_rcvbuf
        proxy_socket_sndbuf`,
      "hs 1-4": "open_log_file_cache",
    },
  },
  {
    verdict: "no effect",
    reason: "an endpoint's connections are counted over all data threads without it",
    directives: { "u 1-2*": "zone" },
  },
  {
    verdict: "no effect",
    reason: "names are asked for again by the TTL of their answers",
    directives: { "hsu time": "resolver_timeout" },
  },
  {
    verdict: "no effect",
    reason: "one level of the log has it: warn",
    directives: { "hs 1": "limit_conn_log_level" },
  },
  {
    verdict: "no effect",
    reason: "only UDP has it",
    directives: { "hs number": "proxy_requests proxy_responses" },
  },
  {
    verdict: "no effect",
    reason: "TLS sessions, curves and responses are OpenSSL's defaults in Node",
    directives: {
      "hs flag": "proxy_ssl_session_reuse",
      "hs 2*": "proxy_ssl_conf_command",
      "hs 1-3*": "proxy_ssl_certificate_cache",
    },
  },
  {
    verdict: "no effect",
    reason: "the admin API and its metrics are there",
    directives: { "s 1*": "status_zone" },
  },
  {
    verdict: "not supported",
    reason: "it belongs to NGINX Plus or to a module of its own",
    directives: {
      "h any": "keyval keyval_zone geoip_country geoip_org geoip_city geoip_proxy geoip_proxy_recursive",
      "hs any": `
        health_check_timeout mqtt mqtt_buffers mqtt_preread mqtt_rewrite_buffer_size mqtt_set_connect
        proxy_session_drop num_map zone_sync zone_sync_server zone_sync_buffers zone_sync_connect_retry_interval
        zone_sync_connect_timeout zone_sync_interval zone_sync_recv_buffer_size zone_sync_ssl
        zone_sync_ssl_certificate zone_sync_ssl_certificate_key zone_sync_ssl_ciphers zone_sync_ssl_conf_command
        zone_sync_ssl_crl zone_sync_ssl_name zone_sync_ssl_password_file zone_sync_ssl_protocols
        zone_sync_ssl_server_name zone_sync_ssl_trusted_certificate zone_sync_ssl_verify
        zone_sync_ssl_verify_depth zone_sync_timeout`,
      "u any": "state queue ntlm",
    },
  },
]
