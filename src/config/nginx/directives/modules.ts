/** Modules that are none of nginx's own: what becomes of their directives, by their names. */
import type { Context, DirectiveSpec, Verdict } from "./spec.ts"

export interface Module {
  verdict: Verdict
  reason: string
  /** Whole names, or beginnings that end in `*`. */
  names: string
}

export const MODULES: readonly Module[] = [
  {
    verdict: "no effect",
    reason: "responses pass through unchanged",
    names: "brotli* zstd* unzip concat* trim* pagespeed* pagespeed gzip_clear_etag",
  },
  {
    verdict: "no effect",
    reason: "what is counted and traced here is told by the admin API, /metrics and otel_*",
    names: `
      vhost_traffic_status* server_traffic_status* stream_server_traffic_status* req_status* opentracing*
      opentelemetry* NginxModule* datadog* zipkin* jaeger* skywalking* newrelic* prometheus* statsd* graphite*
      influxdb* log_json* kafka* slab_stat debug_conn debug_pool debug_timer backtrace_log
      backtrace_max_stack_size`,
  },
  {
    verdict: "no effect",
    reason: "sockets, buffers and threads are Node's",
    names: `
      ssl_dyn_rec_* http2_hpack_enc xquic_* xudp_* ssl_async ssl_ct* ssl_fingerprint* request_time_cache
      client_body_buffers client_body_postpone_size *_sndbuf_size *_rcvbuf_size rtsig_* balancer_keepalive grpc_web_max_frame_size ndk_*`,
  },
  {
    verdict: "left out",
    reason: "headers and bodies pass through unchanged by this module; write add_header and *_hide_header",
    names: `
      more_set_headers more_clear_headers append_header* set_cookie_flag security_headers* hide_server_tokens
      subs_* replace_filter* footer footer_types fancyindex* server_tag server_info server_admin`,
  },
  {
    verdict: "not supported",
    reason: "no Lua is run here",
    names: `
      lua_kong* lua_add_variable lua_upstream_skip_openssl_default_verify lua_fake_shm lua_ssl_certificate
      lua_ssl_certificate_key lua_ssl_key_log lua_ssl_conf_command array_* set_encrypt_session
      set_decrypt_session set_hashed_upstream`,
  },
  {
    verdict: "no effect",
    reason: "it only prepares Lua or JavaScript, which is not run here",
    names:
      "lua_* js_context_reuse* js_engine js_fetch_* js_import js_include js_load_* js_path js_preload_object js_shared_dict_zone js_var encrypted_session_*",
  },
  {
    verdict: "not supported",
    reason: "no JavaScript is run here; do it in the backend, or keep nginx with njs in front",
    names: "js_*",
  },
  {
    verdict: "not supported",
    reason: "it belongs to a web application firewall, which decides who gets in",
    names: `
      app_protect* modsecurity* ModSecurity* SecRulesEnabled SecRulesDisabled LearningMode LibInjection*
      CheckRule BasicRule MainRule IgnoreIP IgnoreCIDR DeniedUrl waf waf_* naxsi* testcookie* wallarm* sqreen*
      crowdsec* coraza* bot_verifier* sysguard* dynamic_limit_req* limit_req_whitelist`,
  },
  {
    verdict: "not supported",
    reason: "it belongs to a module that is none of nginx's own, and decides who gets in",
    names: `
      auth_ldap* ldap_server auth_pam* auth_gss* auth_digest* auth_totp* auth_cookie* auth_hash* auth_jwt_loginurl
      auth_jwt_key auth_jwt_enabled auth_jwt_redirect auth_jwt_location auth_jwt_algorithm auth_jwt_validate_*
      auth_jwt_extract_* auth_jwt_keyfile_path auth_jwt_use_keyfile oidc_* secure_token* aws_auth* aws_* ssl_sni_force
      ssl_verify_client_exception enable_ntls *_enable_ntls *_ssl_enc_certificate *_ssl_enc_certificate_key
      *_ssl_sign_certificate *_ssl_sign_certificate_key ssl_enc_certificate* ssl_sign_certificate* strict_sni
      geoip2* shib_request* auth_saml* auth_spnego*`,
  },
  {
    verdict: "not supported",
    reason: "it belongs to a module that is none of nginx's own, and decides where a call goes",
    names: `
      check check_* dyups_* dynamic_upstream* dynamic_resolve upsync* upstream_show upstream_fair_shm_size fair jdomain
      healthcheck* consistent_hash iwrr vnswrr session_sticky* sticky_* rr_discarded_range ingress_gateway*
      ingress_failover* proxy_connect* dubbo_* tfs_* ajp_* drizzle_* postgres_* rds_* redis_* redis2_* memc_* mongo_*
      srcache_* nchan_* push_* push_stream_* more_set_input_headers more_clear_input_headers echo echo_* set_md5 set_sha1 set_hmac_* set_base32* set_encode_*
      set_decode_* set_escape_uri set_unescape_uri set_quote_* set_random set_if_empty set_rotate set_local_today
      set_formatted_* set_secure_random_* set_form_input* set_iconv set_hex set_crc32* form_input* eval eval_* passenger_*
      rack_env rails_env unit_* upload upload_* vod vod_* rtmp rtmp_* hls_* dash* weserv weserv_* image_* small_light*
      zip multi user_agent iconv* traffic_accounting* limit_upload_rate* limit_traffic* dav_ext_*
      dav_methods_ext *_upstream_tries resolver_file apisix_* lua jvm_route* cache_purge_*`,
  },
]

const EVERYWHERE: readonly Context[] = [
  ...([
    "main",
    "events",
    "http",
    "server",
    "location",
    "upstream",
    "server if",
    "if",
    "limit_except",
  ] as const),
  ...(["stream", "stream server", "stream upstream"] as const),
]

/** What a name means that nginx's own tables have not. Null: no module is known that brings it. */
export function moduleSpecOf(name: string): DirectiveSpec | null {
  const found = MODULES.find(({ names }) =>
    names
      .trim()
      .split(/\s+/)
      .some((each) => fits(each, name)),
  )
  if (found === undefined) return null
  const { verdict, reason } = found
  return {
    name,
    contexts: EVERYWHERE,
    least: 0,
    most: Infinity,
    block: null,
    value: null,
    repeatable: true,
    verdict,
    reason,
  }
}

function fits(pattern: string, name: string): boolean {
  if (pattern.startsWith("*")) return name.endsWith(pattern.slice(1))
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}
