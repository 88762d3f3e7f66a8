/** Known to nginx inside `stream {}` and `mail {}` alone: nowhere allowed here, but no spelling mistakes either. */
export const ELSEWHERE: readonly string[] = `
  auth_http auth_http_header auth_http_pass_client_cert auth_http_timeout imap_auth imap_capabilities
  imap_client_buffer max_errors pass pop3_auth pop3_capabilities preread_buffer_size preread_timeout protocol
  proxy proxy_buffer proxy_download_rate proxy_downstream_buffer proxy_half_close proxy_pass_error_message
  proxy_protocol proxy_protocol_timeout proxy_requests proxy_responses proxy_smtp_auth proxy_ssl
  proxy_ssl_alpn proxy_timeout proxy_upload_rate proxy_upstream_buffer smtp_auth smtp_capabilities
  smtp_client_buffer smtp_greeting_delay ssl_alpn ssl_handshake_timeout ssl_preread starttls timeout xclient
`
  .trim()
  .split(/\s+/)
