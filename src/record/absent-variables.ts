/**
 * Variables of nginx's that are empty here unless a file makes them: what they tell is not known, or is not there. Without the
 * dollar sign.
 */
const NAMES: ReadonlySet<string> = new Set(
  `ssl_ciphers ssl_curve ssl_curves ssl_sigalg ssl_sigalgs ssl_session_id ssl_client_sigalg ssl_ech_status
  ssl_ech_outer_server_name tcpinfo_rtt tcpinfo_rttvar tcpinfo_snd_cwnd tcpinfo_rcv_space upstream_queue_time
  upstream_last_addr upstream_last_server_name fastcgi_script_name fastcgi_path_info memcached_key slice_range
  uid_got uid_set uid_reset connections_active connections_reading connections_writing connections_waiting
  invalid_referer secure_link secure_link_expires session_log_id session_log_binary_id proxy_internal_body_length proxy_add_via`.split(
    /\s+/,
  ),
)

/** What else the PROXY protocol says of a client; vendors have their own. */
const FAMILY = "proxy_protocol_tlv_"

export function isAbsentVariable(name: string): boolean {
  const lower = name.toLowerCase()
  return NAMES.has(lower) || (lower.startsWith(FAMILY) && lower.length > FAMILY.length)
}
