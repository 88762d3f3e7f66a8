import type { DirectiveGroup } from "./spec.ts"

/**
 * What nginx knows and Sluice must not pass over in silence, since it changes who gets in or where a call goes. Keys are
 * contexts and arguments as `spec.ts` reads them.
 */
export const NOT_SUPPORTED: DirectiveGroup[] = [
  {
    verdict: "not supported",
    reason: "a call must go to one HTTP/2 backend: use grpc_pass",
    directives: {
      "L 1*": "fastcgi_pass uwsgi_pass scgi_pass memcached_pass",
      "SL 0-1*": "tunnel_pass",
    },
  },
  {
    verdict: "not supported",
    reason: "requests are relayed as they came, never rewritten or copied",
    directives: {
      "HSL 1*": "mirror",
      "HSL 1": "post_action degrade",
      "L 1*": "perl",
      "H 2*": "perl_set",
      "H 1*": "perl_modules perl_require degradation",
      "L 1-3*": "image_filter",
      "L 1+*": "xslt_stylesheet",
    },
  },
  {
    verdict: "not yet",
    reason: "it decides who gets in",
    directives: {
      "HS 1": "ssl_ocsp",
      "HS 1*": "ssl_ech_file",
    },
  },
  {
    verdict: "not yet",
    reason: "it decides where a call goes",
    directives: {},
  },
  {
    verdict: "not yet",
    reason: "the connection could not be made or trusted without it",
    directives: {
      "HS 1*": "ssl_password_file",
      "HSL 1": "grpc_ssl_crl proxy_ssl_crl proxy_set_body",
      "HSL 1-4*": "proxy_cookie_flags",
      "HSL 1*": "grpc_ssl_password_file proxy_ssl_password_file",
    },
  },
  {
    verdict: "not supported",
    reason: "NTLM binds a client to an upstream connection of its own, and streams of many share one here",
    directives: { "U 0": "ntlm" },
  },
  {
    verdict: "not supported",
    reason: "it belongs to NGINX Plus or to a module of its own",
    directives: {
      "MHSLU any": `
        auth_oidc auth_require oidc_provider keyval keyval_zone
        internal_redirect state echo echo_exec app_protect_enable app_protect_policy_file
        app_protect_dos_enable num_map f4f hls proxy_cache_purge
        more_set_headers more_clear_headers more_set_input_headers more_clear_input_headers modsecurity
        modsecurity_rules modsecurity_rules_file geoip2 geoip2_proxy slow_start`,
    },
  },
  {
    verdict: "not supported",
    reason: "no JavaScript is run here; do it in the backend, or keep nginx with njs in front",
    directives: {
      "MHSLU any": "js_content js_set js_access js_header_filter js_body_filter js_periodic",
    },
  },
  {
    verdict: "not supported",
    reason: "a health check is judged by the endpoint's serving status alone: health_check type=grpc",
    directives: { "H 1{}": "match" },
  },
  {
    verdict: "not supported",
    reason: "mail is not balanced",
    directives: { "M 0{}": "mail" },
  },
]
