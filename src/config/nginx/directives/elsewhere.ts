/** Known to nginx inside `mail {}` alone: nowhere allowed here, but no spelling mistakes either. */
export const ELSEWHERE: readonly string[] = `
  auth_http auth_http_header auth_http_pass_client_cert auth_http_timeout imap_auth imap_capabilities
  imap_client_buffer max_errors pop3_auth pop3_capabilities protocol proxy proxy_buffer proxy_pass_error_message
  proxy_smtp_auth smtp_auth smtp_capabilities smtp_client_buffer smtp_greeting_delay starttls timeout xclient
`
  .trim()
  .split(/\s+/)
