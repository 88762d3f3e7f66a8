import type { DirectiveGroup } from "./spec.ts"

/** What nginx knows and Sluice can pass over with a note. Keys are contexts and arguments as `spec.ts` reads them. */
export const NO_EFFECT: DirectiveGroup[] = [
  {
    verdict: "no effect",
    reason: "files are read in slices as the client takes them, and directories are not listed",
    directives: {
      "HSL 1": "autoindex_format aio directio gzip_static",
      "HSL 1+*": "dav_methods",
      "L flag": "random_index",
      "HSL flag": `
        autoindex autoindex_exact_size autoindex_localtime sendfile aio_write open_file_cache_errors
        open_file_cache_events log_not_found create_full_put_path mp4_start_key_frame`,
      "HSL size": "sendfile_max_chunk read_ahead mp4_buffer_size mp4_max_buffer_size",
      "HSL offset": "directio_alignment",
      "HSL 2": "output_buffers",
      "HSL 1-2": "open_file_cache",
      "HSL number": `
        open_file_cache_min_uses types_hash_bucket_size types_hash_max_size min_delete_depth`,
      "HSL sec": "open_file_cache_valid",
      "HSL 1-2*": "disable_symlinks",
      "HSL 1-3*": "dav_access",
      "L 0*": "mp4 flv empty_gif",
      "HSL any": `
        f4f_buffer_size hls_buffers hls_forward_args hls_fragment hls_mp4_buffer_size hls_mp4_max_buffer_size
        mp4_limit_rate mp4_limit_rate_after`,
    },
  },
  {
    verdict: "no effect",
    reason: "responses pass through unchanged",
    directives: {
      "HSL 1": `
        gzip_http_version userid_domain
        userid_name userid_p3p userid_path`,
      "HSL flag": `
        gzip gzip_no_buffer gzip_vary gunzip override_charset ssi_ignore_recycled_buffers
        ssi_last_modified ssi_silent_errors sub_filter_last_modified sub_filter_once
        xslt_last_modified xml_external_entities image_filter_interlace image_filter_transparency
        chunked_transfer_encoding`,
      "HSL 2": "gzip_buffers gunzip_buffers",
      "HSL number": "gzip_comp_level userid_service",
      "HSL 1+*": `
        gzip_disable gzip_proxied gzip_types ssi_types sub_filter_types addition_types
        xslt_types early_hints`,
      "HSL size": `
        gzip_hash gzip_min_length gzip_window ssi_min_file_chunk ssi_value_length
        image_filter_buffer slice postpone_output postpone_gzipping`,
      "HSL 1*": `
        source_charset xml_entities image_filter_jpeg_quality image_filter_sharpen
        image_filter_webp_quality userid_expires userid_mark limit_rate limit_rate_after`,
      "HSL 2*": "xslt_param xslt_string_param",
      "HSL 1-3*": "userid_flags",
    },
  },
  {
    verdict: "no effect",
    reason: "buffers, pools and tables size themselves; limits.ts has their bounds",
    directives: {
      "H number": `
        map_hash_bucket_size map_hash_max_size server_names_hash_bucket_size
        server_names_hash_max_size variables_hash_bucket_size variables_hash_max_size`,
      "HSL number": "proxy_headers_hash_bucket_size proxy_headers_hash_max_size",
      "SL number": "referer_hash_bucket_size referer_hash_max_size",
      "HS size": `
        connection_pool_size request_pool_size ssl_buffer_size
        http2_pool_size http2_body_preread_size`,
      "HS number": "http2_streams_index_size",
      "HSL size": `
        subrequest_output_buffer_size grpc_buffer_size grpc_socket_rcvbuf
        grpc_socket_sndbuf http2_chunk_size`,
      "HSL 1-4": "client_body_temp_path",
      "HSL 1": "client_body_in_file_only",
      "HSL flag": "client_body_in_single_buffer",
      "HS 1+*": "client_body_early_read",
      "H size": "http2_recv_buffer_size",
    },
  },
  {
    verdict: "no effect",
    reason: "an endpoint's streams are counted over all data threads without it",
    directives: { "U 1-2*": "zone" },
  },
  {
    verdict: "no effect",
    reason: "the event loop is Node's",
    directives: {
      "E 1": "worker_connections use",
      "E flag": "multi_accept accept_mutex acceptex_read",
      "E 1*": "debug_connection",
      "E number": `
        epoll_events worker_aio_requests devpoll_changes devpoll_events eventport_events
        kqueue_changes kqueue_events iocp_threads post_acceptex`,
      "E time": "accept_mutex_delay stall_threshold",
      "M time": "timer_resolution",
      "M 2-3*": "thread_pool",
      "M flag": "pcre_jit",
    },
  },
  {
    verdict: "no effect",
    reason: "left to whatever starts Sluice, which stays in the foreground",
    directives: {
      "M 1-2": "user",
      "M flag": "daemon master_process",
      "M 1": `
        lock_file worker_priority working_directory debug_points google_perftools_profiles`,
      "M 1+": "worker_cpu_affinity",
      "M number": "worker_rlimit_nofile",
      "M offset": "worker_rlimit_core",
      "M 1*": "env load_module",
    },
  },
  {
    verdict: "no effect",
    reason: "connections are ended by GOAWAY, and slow peers are held by flow control",
    directives: {
      "HSL 1": "lingering_close",
      "HSL time": "lingering_time lingering_timeout send_timeout keepalive_min_timeout",
      "HSL flag": "reset_timedout_connection tcp_nopush tcp_nodelay msie_padding msie_refresh",
      "HSL size": "send_lowat",
      "HSL 1-2*": "keepalive_disable",
    },
  },
  {
    verdict: "no effect",
    reason: "headers are checked as RFC 9113 asks",
    directives: { "HS flag": "ignore_invalid_headers" },
  },
  {
    verdict: "no effect",
    reason: "TLS sessions, curves and responses are OpenSSL's defaults in Node",
    directives: {
      "HS 1-2*": "ssl_session_cache",
      "HS flag": `
        ssl_session_tickets ssl_prefer_server_ciphers
        ssl_early_data ssl_certificate_compression`,
      "HS 1*": "ssl_session_ticket_key ssl_ocsp_cache",
      "HS 1": `
        ssl_dhparam ssl_ecdh_curve`,
      "HS 2*": "ssl_conf_command",
      "HS 1-3*": "ssl_certificate_cache",
      "M 1*": "ssl_engine",
      "M flag": "ssl_object_cache_inheritable",
      "HSL flag": "grpc_ssl_session_reuse",
      "HSL 2*": "grpc_ssl_conf_command",
      "HSL 1-3*": "grpc_ssl_certificate_cache",
    },
  },
  {
    verdict: "no effect",
    reason: "nothing that is supported uses it",
    directives: {
      "HSL flag": `
        mirror_request_body rewrite_log
        uninitialized_variable_warn`,
      "HSL 1": `
        limit_conn_log_level limit_req_log_level`,
      "HSL time": "auth_delay",
      "H 2{}": "charset_map",
      "H 1-2*": "geoip_city geoip_country geoip_org",
      "H 1*": "geoip_proxy",
      "H flag": "geoip_proxy_recursive",
      "HSL 1+*": "ancient_browser",
      "HSL 1*": "ancient_browser_value modern_browser_value",
      "HSL 1-2*": "modern_browser",
      "SL 0-1*": "stub_status",
    },
  },
  {
    verdict: "no effect",
    reason: "a name server has two seconds to answer, twice",
    directives: {
      "HSL time": "resolver_timeout",
      "U time": "resolver_timeout",
    },
  },
  {
    verdict: "no effect",
    reason: "a connection to an endpoint carries the requests of many clients",
    directives: {
      "HSLhs flag": "proxy_bind_dynamic",
      "HSL flag": `
        grpc_bind_dynamic grpc_request_dynamic proxy_request_dynamic fastcgi_bind_dynamic
        fastcgi_request_dynamic scgi_bind_dynamic scgi_request_dynamic uwsgi_bind_dynamic uwsgi_request_dynamic
        memcached_bind_dynamic tunnel_bind_dynamic`,
    },
  },
  {
    verdict: "no effect",
    reason: "no licence is asked for, and nothing is reported",
    directives: { "M 0{}": "mgmt" },
  },
  {
    verdict: "no effect",
    reason: "the access log has what is told of a session",
    directives: {
      "HSL 1*": "session_log",
      "H 2+*": "session_log_format session_log_zone",
      "HSL 2*": "error_log_tag",
      "H 1*": "acme_shared_zone",
    },
  },
  {
    verdict: "no effect",
    reason: "logs are opened once and stay open",
    directives: {
      "HSL 1-4*": "open_log_file_cache",
      "HSL flag": "log_subrequest",
    },
  },
  {
    verdict: "no effect",
    reason: "it is obsolete in nginx too",
    directives: {
      "HS 1*": `
        http2_max_concurrent_pushes http2_max_requests http2_recv_timeout http2_idle_timeout`,
      "HSL 1*": "http2_push",
      "HSL flag*": "http2_push_preload",
    },
  },
  {
    verdict: "no effect",
    reason: "HTTP/3 is not spoken",
    directives: {
      "HS flag": "http3 http3_hq quic_gso quic_retry",
      "HS number": "http3_max_concurrent_streams quic_active_connection_id_limit",
      "HS size": "http3_stream_buffer_size",
      "M flag": "quic_bpf",
      "HS 1*": "quic_host_key",
    },
  },
  {
    verdict: "no effect",
    reason: "its dashboard and metrics are those of sluice_admin",
    directives: {
      "HSLU any": "status status_format api",
      "HSLUi any": "status_zone",
    },
  },
]
