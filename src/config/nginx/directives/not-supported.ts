import type { DirectiveGroup } from "./spec.ts"

/**
 * What nginx knows and Sluice must not pass over in silence, since it changes who gets in or where a call goes. Keys are
 * contexts and arguments as `spec.ts` reads them.
 */
export const NOT_SUPPORTED: DirectiveGroup[] = [
  {
    verdict: "not supported",
    reason:
      "FastCGI, uwsgi, SCGI, memcached and CONNECT are not spoken; put an HTTP server before that backend",
    directives: {
      "L 1*": "fastcgi_pass uwsgi_pass scgi_pass memcached_pass",
      "SL 0-1*": "tunnel_pass",
    },
  },
  {
    verdict: "not supported",
    reason: "no Perl is run here, and it may decide who gets in or where a call goes",
    directives: { "L 1*": "perl", "H 2*": "perl_set", "H 1*": "perl_modules perl_require" },
  },
  {
    verdict: "left out",
    reason: "no request is sent twice",
    directives: { "HSL 1*": "mirror", "HSL 1": "post_action" },
  },
  {
    verdict: "left out",
    reason: "bodies pass through unchanged",
    directives: {
      "HSL 2*": "sub_filter",
      "HSL 1": "add_after_body add_before_body",
      "HSL flag": "ssi",
      "L 1-3*": "image_filter",
      "L 1+*": "xslt_stylesheet",
    },
  },
  {
    verdict: "left out",
    reason: "no cookie is given to clients",
    directives: { "HSL 1": "userid" },
  },
  {
    verdict: "left out",
    reason: "a request is never refused for the load of the machine by it; see limits.md",
    directives: { "HSL 1": "degrade", "H 1*": "degradation" },
  },
  {
    verdict: "left out",
    reason: "keys of sessions are never written down",
    directives: { "HSLhs 1": "ssl_key_log grpc_ssl_key_log proxy_ssl_key_log uwsgi_ssl_key_log" },
  },
  {
    verdict: "not supported",
    reason:
      "certificates are not obtained here: use an ACME client, and ssl_certificate with the files that it writes",
    directives: { "H 1{}": "acme_issuer", "S 1+": "acme_certificate" },
  },
  {
    verdict: "not yet",
    reason: "it decides who gets in",
    directives: {
      "HS 1*": "ssl_ech_file",
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
      "MHSLUx any": `
        auth_oidc auth_require oidc_provider keyval keyval_zone internal_redirect state num_map f4f hls
        proxy_cache_purge fastcgi_cache_purge scgi_cache_purge uwsgi_cache_purge slow_start upstream_conf`,
      "HSL 1+*": `
        grpc_allow_upstream proxy_allow_upstream fastcgi_allow_upstream scgi_allow_upstream uwsgi_allow_upstream
        memcached_allow_upstream tunnel_allow_upstream`,
    },
  },
  {
    verdict: "not supported",
    reason: "mail is not balanced",
    directives: { "M 0{}": "mail" },
  },
]
