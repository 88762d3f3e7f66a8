/** Why tests of nginx's suite fail with Sluice: by file, then by test where they differ. */
export interface Cause {
  readonly name: string
  readonly says: string
  /** Files, and their tests; all of them, where none is named. */
  readonly of: readonly (readonly [files: RegExp, tests?: RegExp])[]
}

/** The first one that fits counts. */
export const causes: readonly Cause[] = [
  {
    name: "a word",
    says: "a word of the file is refused, and with it the file, or the log or location that the rest looks for: `transparent`, certificates by pipes and stores, those for a backend by variables, paths of certificates that begin with one, log paths with variables, a server over TLS without a certificate of its own",
    of: [
      [/^(?:access_log|stream_access_log|index|mirror|ssl_cache|ssl_store_keys|ssl_verify_client)$/],
      [/^(?:proxy_bind.*|stream_pass|stream_access|stream_ssl)$/],
      [/^(?:ssl|stream_ssl)_reject_handshake$/],
      [/^.*ssl_certificate(?:_vars)?$|^stream_proxy_ssl_name_complex$/, /not reached/],
    ],
  },
  {
    name: "names",
    says: "a name that variables come to is asked of the system, not of `resolver`; `$upstream_addr` has a name as it is written; there is no file of names to wait for over a reload",
    of: [
      [/^(?:http_resolver.*|stream_resolver|proxy_next_upstream_tries)$/],
      [/^(?:stream_)?upstream_(?:resolve|service)(?:_reload)?$/],
    ],
  },
  {
    name: "its own name",
    says: "pages and `server` do not say nginx, answers have no `server` and `date` of Sluice's, which `$bytes_sent` shows",
    of: [
      [/server_tokens$/],
      [/^grpc/, /response - (?:server|date)/],
      [/^access_log_variables$/, /bytes sent/],
    ],
  },
  {
    name: "connections",
    says: "calls share a connection to a gRPC backend, and have its window together; which of several connections of HTTP/1.1 is used again, and for how long, is Sluice's: none behind HEAD or a 304 that says a length",
    of: [
      [/^grpc(?:_ssl)?$/, /sid again|response 2 - connection|keepalive|flow control/],
      [/^(?:upstream_keepalive|(?:stream_)?upstream_zone_ssl)$/],
      [/^proxy_keepalive$/, /head 2|304 with length/],
      [/^(?:stream_)?proxy_ssl$/],
    ],
  },
  {
    name: "HTTP/2",
    says: "what RFC 9113 leaves open: sizes of frames, error codes, when GOAWAY comes and which stream it names, priorities, heads in many frames, protocols other than HTTP/2 behind its preface",
    of: [
      [/^(?:h2_priority|h2_keepalive|h2_request_body_preread|h2_http2|h2_ssl)$/],
      [/^h2$/, /chunk_size|iws|SETTINGS|frame size|preface|dup stream|GOAWAY|PUSH_PROMISE|timeout/],
      [/^h2_headers$/, /GOAWAY last|response header|length$|too long/],
      [/^grpc$/, /continuation - header split|discard CANCEL/],
      [/^h2_error_page$/],
    ],
  },
  {
    name: "limits",
    says: "bounds are those of limits.md: none of one field alone, and words of nginx's raise them and do not lower them",
    of: [[/_max_headers$/], [/^h2_headers$/, /size (?:indexed )?greater|header size/]],
  },
  {
    name: "strict",
    says: "what has two readings is refused, or passed on otherwise: `#` in a path, control characters, names with an underscore, lengths that do not fit, CONNECT, codings beside `chunked`, `Upgrade` of an answer that does not switch",
    of: [
      [/^(?:http_uri|http_method|ignore_invalid_headers|proxy_connection_headers|proxy_upstream_cookie)$/],
      [/^h2$/, /CONNECT/],
      [/^h2_headers$/, /all chars|underscore/],
      [/^grpc$/, /content-length|header value ctl|set host/],
      [/^body_chunked$/, /runaway|list/],
      [/^http_headers_multi$/, /duplicate|content_type/],
      [/^proxy_duplicate_headers$/],
    ],
  },
  {
    name: "bodies",
    says: "no body is written to disk, and `$request_body` is kept for `proxy_pass` with buffering alone, for what is sent and logged after it: not for `proxy_set_body` and fields of the request, nor behind an error's page or in gRPC",
    of: [
      [/^(?:body|body_chunked|h2_request_body.*|h2_auth_request|proxy_set_body|proxy_request_buffering.*)$/],
      [/^(?:h2_limit_req|h2_proxy_request_buffering.*)$/, /body|chunked/],
    ],
  },
  {
    name: "lengths",
    says: "`$request_length` and `$upstream_response_length` count names, values and bodies",
    of: [
      [/^(?:access_log_variables|h2_variables)$/, /request/],
      [/^(?:proxy|ssl_proxy)_upgrade$/, /bytes/],
      [/^proxy_variables$/],
    ],
  },
  {
    name: "no effect",
    says: "words that have none here, and say so: SSI, caches, bodies in another charset, `mirror`, `auth_delay`, `keepalive_disable`, `log_not_found`, `limit_rate`, gzip; names of trailers are written in lower case",
    of: [
      [/^(?:rewrite_set|request_id|not_modified_proxy|proxy_merge_headers|subrequest_output_buffer_size)$/],
      [/^(?:range.*|proxy_force_ranges|limit_rate|proxy_limit_rate2?|trailers)$/],
      [/^(?:auth_delay|mirror.*|grpc_request_buffering|http_keepalive)$/],
      [/^auth_request$/, /cached/],
      [/^proxy_keepalive$|^proxy_chunked$/, /inmemory/],
      [/^h2$/, /gzip/],
      [/^http_headers_multi$/, /trailer/],
      [/^http_variables$/, /limit_rate/],
      [/^access_log_variables$/, /pipe/],
    ],
  },
  {
    name: "its own log",
    says: "the log of the process is JSON in Sluice's words",
    of: [[/limit_(?:conn|req).*|stream_error_log/, /log|file|stderr/], [/^stream_error_log$/]],
  },
  {
    name: "TLS",
    says: "not looked into one by one; for the most part what Node's TLS does not do or say: `ssl_conf_command`, lists of ciphers and curves in variables, signature algorithms, compressed and trusted certificates, sessions that are not to be used again, protocols by name, keys of tickets, staples and revocation as OpenSSL orders them",
    of: [[/^(?:stream_)?(?:proxy_)?ssl(?:_.*)?$/]],
  },
  {
    name: "the PROXY protocol's values",
    says: "`$proxy_protocol_tlv_*` are not known",
    of: [[/proxy_protocol2_tlv$/]],
  },
  {
    name: "failing endpoints",
    says: "where every server is out all are tried again, and further tries have a budget",
    of: [[/^(?:upstream|upstream_hash|(?:stream_)?upstream_zone|grpc_next_upstream)$/]],
  },
  {
    name: "sessions",
    says: "of a TCP session each direction ends by itself (`proxy_half_close`), so that it counts until both have",
    of: [[/^stream_limit_conn/, /passed|same|closed|no limit|dry run/]],
  },
  {
    name: "groups",
    says: "the groups of a regex in a `server_name` of `stream` are not variables: such a file does not start",
    of: [[/^stream_server_name$/]],
  },
  {
    name: "DES",
    says: "a hash in traditional DES crypt lets no user in",
    of: [[/^auth_basic$/, /crypt/]],
  },
  {
    name: "100 Continue",
    says: "one that is answered before its body is asked for is not told to go on",
    of: [[/^http_expect_100_continue$/]],
  },
  {
    name: "time",
    says: "tests of moments that a machine with much to do does not keep, and least_time, whose measure is Sluice's own",
    of: [
      [/^headers$/, /modified/],
      [/^(?:limit_req_delay|(?:stream_)?upstream_least_(?:conn|time)|stream_upstream_max_conns)$/],
    ],
  },
]

/** Null: it was not looked into. */
export function causeOf(file: string, test: string): Cause | null {
  const fits = ([files, tests]: Cause["of"][number]): boolean =>
    files.test(file) && (tests === undefined || tests.test(test))
  return causes.find(({ of }) => of.some(fits)) ?? null
}
