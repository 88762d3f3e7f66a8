/** What is a directive of nginx's, but nowhere that is looked into: no spelling mistakes either. By where it belongs. */
const PLACES: Record<string, string> = {
  "it belongs in mail blocks": `
    auth_http auth_http_header auth_http_pass_client_cert auth_http_timeout imap_auth imap_capabilities
    imap_client_buffer max_errors pop3_auth pop3_capabilities protocol proxy proxy_buffer proxy_pass_error_message
    proxy_smtp_auth smtp_auth smtp_capabilities smtp_client_buffer smtp_greeting_delay starttls timeout xclient`,
  "it belongs in mgmt blocks": `
    enforce_initial_report license_token proxy_username proxy_password ssl_verify state_path usage_report`,
  "it belongs in acme_issuer blocks": `
    uri account_key challenge common_name_in_csr contact external_account_key preferred_chain profile
    accept_terms_of_service`,
  "it belongs in oidc_provider blocks": `
    issuer client_id client_secret config_url cookie_name extra_auth_args frontchannel_logout_uri pkce redirect_uri
    logout_uri post_logout_uri logout_token_hint scope session_store session_timeout userinfo`,
  "nginx has it no longer: write limit_conn_zone and limit_conn": "limit_zone",
  "nginx has it no longer: write listen with http2": "spdy_headers_comp spdy_chunk_size",
  "nginx has it no longer: write worker_connections in events": "connections",
  "nginx has it no longer: write open_file_cache": "open_file_cache_retest",
  "nginx has it no longer: write fastcgi_next_upstream_tries": "fastcgi_upstream_max_fails",
}

/** Names, and where they belong. */
export const ELSEWHERE: ReadonlyMap<string, string> = new Map(
  Object.entries(PLACES).flatMap(([place, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name): [string, string] => [name, place]),
  ),
)
