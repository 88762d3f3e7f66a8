import type { DirectiveGroup } from "./spec.ts"

/** The settings of nginx's other ways to pass a request on. Without their `*_pass`, which is an error, they do nothing. */
export const OTHER_PROXIES: DirectiveGroup[] = [
  {
    verdict: "no effect",
    reason: "only other ways to pass a request on use it, or it sizes buffers and caches that are not here",
    directives: {
      "HSL 1-2": "fastcgi_bind memcached_bind scgi_bind tunnel_bind uwsgi_bind",
      "HSL size": `
        fastcgi_buffer_size fastcgi_busy_buffers_size fastcgi_max_temp_file_size fastcgi_send_lowat
        fastcgi_socket_rcvbuf fastcgi_socket_sndbuf fastcgi_temp_file_write_size
        memcached_buffer_size proxy_buffer_size proxy_busy_buffers_size proxy_max_temp_file_size
        proxy_send_lowat proxy_socket_rcvbuf proxy_socket_sndbuf proxy_temp_file_write_size
        scgi_buffer_size scgi_busy_buffers_size scgi_max_temp_file_size scgi_socket_rcvbuf
        scgi_socket_sndbuf scgi_temp_file_write_size tunnel_buffer_size tunnel_send_lowat
        tunnel_socket_rcvbuf tunnel_socket_sndbuf uwsgi_buffer_size uwsgi_busy_buffers_size
        uwsgi_max_temp_file_size uwsgi_socket_rcvbuf uwsgi_socket_sndbuf uwsgi_temp_file_write_size`,
      "HSL flag": `
        fastcgi_buffering fastcgi_cache_background_update fastcgi_cache_lock
        fastcgi_cache_revalidate fastcgi_force_ranges fastcgi_ignore_client_abort
        fastcgi_intercept_errors fastcgi_keep_conn fastcgi_pass_request_body
        fastcgi_pass_request_headers fastcgi_request_buffering fastcgi_socket_keepalive
        memcached_socket_keepalive proxy_buffering proxy_cache_background_update
        proxy_cache_convert_head proxy_cache_lock proxy_cache_revalidate proxy_force_ranges
        proxy_ignore_client_abort proxy_ssl_session_reuse scgi_buffering scgi_cache_background_update scgi_cache_lock scgi_cache_revalidate
        scgi_force_ranges scgi_ignore_client_abort scgi_intercept_errors scgi_pass_request_body
        scgi_pass_request_headers scgi_request_buffering scgi_socket_keepalive
        tunnel_socket_keepalive uwsgi_buffering uwsgi_cache_background_update uwsgi_cache_lock
        uwsgi_cache_revalidate uwsgi_force_ranges uwsgi_ignore_client_abort uwsgi_intercept_errors
        uwsgi_pass_request_body uwsgi_pass_request_headers uwsgi_request_buffering
        uwsgi_socket_keepalive uwsgi_ssl_server_name uwsgi_ssl_session_reuse uwsgi_ssl_verify`,
      "HSL 2": "fastcgi_buffers proxy_buffers scgi_buffers uwsgi_buffers",
      "HSL 1*": `
        fastcgi_cache fastcgi_cache_key fastcgi_catch_stderr fastcgi_hide_header fastcgi_limit_rate
        fastcgi_pass_header fastcgi_split_path_info fastcgi_store proxy_cache proxy_cache_key
        proxy_limit_rate proxy_store scgi_cache scgi_cache_key
        scgi_hide_header scgi_limit_rate scgi_pass_header scgi_store uwsgi_cache uwsgi_cache_key
        uwsgi_hide_header uwsgi_limit_rate uwsgi_pass_header uwsgi_ssl_certificate
        uwsgi_ssl_certificate_key uwsgi_ssl_password_file uwsgi_store`,
      "HSL 1+*": `
        fastcgi_cache_bypass fastcgi_cache_methods fastcgi_cache_use_stale fastcgi_cache_valid
        fastcgi_ignore_headers fastcgi_next_upstream fastcgi_no_cache memcached_next_upstream
        proxy_cache_bypass proxy_cache_methods proxy_cache_use_stale proxy_cache_valid
        proxy_no_cache scgi_cache_bypass scgi_cache_methods scgi_cache_use_stale scgi_cache_valid
        scgi_ignore_headers scgi_next_upstream scgi_no_cache tunnel_next_upstream uwsgi_cache_bypass
        uwsgi_cache_methods uwsgi_cache_use_stale uwsgi_cache_valid uwsgi_ignore_headers
        uwsgi_next_upstream uwsgi_no_cache uwsgi_ssl_protocols`,
      "HSL time": `
        fastcgi_cache_lock_age fastcgi_cache_lock_timeout fastcgi_connect_timeout
        fastcgi_next_upstream_timeout fastcgi_read_timeout fastcgi_send_timeout
        memcached_connect_timeout memcached_next_upstream_timeout memcached_read_timeout
        memcached_send_timeout proxy_cache_lock_age proxy_cache_lock_timeout scgi_cache_lock_age
        scgi_cache_lock_timeout scgi_connect_timeout scgi_next_upstream_timeout scgi_read_timeout
        scgi_send_timeout tunnel_connect_timeout tunnel_next_upstream_timeout tunnel_read_timeout
        tunnel_send_timeout uwsgi_cache_lock_age uwsgi_cache_lock_timeout uwsgi_connect_timeout
        uwsgi_next_upstream_timeout uwsgi_read_timeout uwsgi_send_timeout`,
      "HSL offset": `
        fastcgi_cache_max_range_offset proxy_cache_max_range_offset scgi_cache_max_range_offset
        uwsgi_cache_max_range_offset`,
      "HSL number": `
        fastcgi_cache_min_uses fastcgi_next_upstream_tries memcached_gzip_flag
        memcached_next_upstream_tries proxy_cache_min_uses scgi_cache_min_uses scgi_next_upstream_tries
        tunnel_next_upstream_tries uwsgi_cache_min_uses uwsgi_modifier1 uwsgi_modifier2
        uwsgi_next_upstream_tries uwsgi_ssl_verify_depth`,
      "H 2+*": "fastcgi_cache_path proxy_cache_path scgi_cache_path uwsgi_cache_path",
      "HSL 1": `
        fastcgi_index proxy_http_version uwsgi_ssl_ciphers uwsgi_ssl_crl uwsgi_ssl_name
        uwsgi_ssl_trusted_certificate uwsgi_string`,
      "HSL 2-3*": "fastcgi_param scgi_param uwsgi_param",
      "HSL 1-3*": `
        fastcgi_store_access proxy_ssl_certificate_cache proxy_store_access scgi_store_access
        uwsgi_ssl_certificate_cache uwsgi_store_access`,
      "HSL 1-4": "fastcgi_temp_path proxy_temp_path scgi_temp_path uwsgi_temp_path",
      "HSL 2*": "proxy_ssl_conf_command uwsgi_ssl_conf_command",
    },
  },
]
