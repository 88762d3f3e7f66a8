import type { Context } from "./spec.ts"

const REWRITE = ["break", "return", "rewrite", "rewrite_log", "set", "uninitialized_variable_warn"]

/** What nginx takes in the blocks that are no location of their own, by their context. */
export const IN_BLOCKS: Partial<Record<Context, ReadonlySet<string>>> = {
  "server if": new Set(REWRITE),
  if: new Set([
    ...REWRITE,
    ...["access_log", "add_header", "add_header_inherit", "add_trailer", "add_trailer_inherit", "charset"],
    ...["error_page", "expires", "fastcgi_pass", "grpc_pass", "gzip", "limit_rate", "limit_rate_after"],
    ...["memcached_pass", "override_charset", "post_action", "proxy_pass", "root", "scgi_pass", "sendfile"],
    ...["source_charset", "ssi", "tunnel_pass", "uwsgi_pass"],
  ]),
  limit_except: new Set([
    ...["access_log", "allow", "auth_basic", "auth_basic_user_file", "deny", "perl", "proxy_pass"],
    ...["auth_jwt", "auth_jwt_key_file", "auth_jwt_key_request", "auth_jwt_key_url", "auth_jwt_require"],
    "auth_jwt_type",
  ]),
}
