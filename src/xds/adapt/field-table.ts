/** What becomes of each field of a resource. Where a field stands in neither list, a resource that has it is refused. */
export interface MessageFields {
  readonly honoured: readonly string[]
  /** Without effect here, and why: noted once. */
  readonly harmless?: Readonly<Record<string, string>>
}

const words = (text: string): string[] => text.split(/\s+/)

const CONFIG = "envoy.config"
const CORE = `${CONFIG}.core.v3`
const ROUTE = `${CONFIG}.route.v3`
const CLUSTER = `${CONFIG}.cluster.v3`
const ENDPOINT = `${CONFIG}.endpoint.v3`
const LISTENER = `${CONFIG}.listener.v3`
const TLS = "envoy.extensions.transport_sockets.tls.v3"
const HCM = "envoy.extensions.filters.network.http_connection_manager.v3"
const TCP = "envoy.extensions.filters.network.tcp_proxy.v3"
const LB = "envoy.extensions.load_balancing_policies"
const UPSTREAM = "envoy.extensions.upstreams.http.v3"

const stats = "names of metrics are Sluice's own"
const buffers = "memory has bounds of Sluice's own (docs/limits.md)"
const metadata = "for people and extensions"
const runtime = "the default value counts: there is no runtime"
const logs = "access logs are the file's beside --xds"
const spans = "tracing is the file's beside --xds"
const http1 = "HTTP/1.1 is as RFC 9112 has it"

/** By the full name of the message. */
export const FIELD_TABLE: Readonly<Record<string, MessageFields>> = {
  // ---- Listener ---------------------------------------------------------------------------------------------------
  [`${LISTENER}.Listener`]: {
    honoured:
      words(`name address additional_addresses filter_chains default_filter_chain listener_filters tcp_backlog_size
      api_listener enable_reuse_port`),
    harmless: {
      stat_prefix: stats,
      per_connection_buffer_limit_bytes: buffers,
      metadata,
      drain_type: "a listener that is gone drains",
      listener_filters_timeout: "a ClientHello has the time of a handshake",
      continue_on_listener_filters_timeout: "a ClientHello has the time of a handshake",
      traffic_direction: "for people",
      access_log: logs,
      max_connections_to_accept_per_socket_event: "Node's own",
      connection_balance_config: "with several data threads a port is bound once for each",
      ignore_global_conn_limit: "limits hold for all",
      bypass_overload_manager: "limits hold for all",
      deprecated_v1: "ports are bound",
      socket_options: "Sluice sets its own",
      tcp_fast_open_queue_length: "a handshake more",
      reuse_port: "deprecated",
      freebind: "addresses must be this machine's",
    },
  },
  [`${LISTENER}.AdditionalAddress`]: {
    honoured: ["address"],
    harmless: { socket_options: "Sluice sets its own" },
  },
  [`${LISTENER}.ApiListener`]: { honoured: ["api_listener"] },
  [`${LISTENER}.ListenerFilter`]: { honoured: ["name", "typed_config"] },
  [`${LISTENER}.FilterChain`]: {
    honoured: words("filter_chain_match filters transport_socket name"),
    harmless: { metadata, transport_socket_connect_timeout: "a handshake has the limit handshakeTimeoutMs" },
  },
  [`${LISTENER}.FilterChainMatch`]: {
    honoured: words("server_names transport_protocol application_protocols"),
  },
  [`${LISTENER}.Filter`]: { honoured: ["name", "typed_config"] },
  "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector": {
    honoured: [],
    harmless: {
      enable_ja3_fingerprinting: "no filter reads it",
      initial_read_buffer_size: buffers,
    },
  },
  [`${HCM}.HttpConnectionManager`]: {
    honoured:
      words(`codec_type rds route_config http_filters common_http_protocol_options http2_protocol_options
      stream_idle_timeout request_headers_timeout strip_any_host_port upgrade_configs`),
    harmless: {
      stat_prefix: stats,
      add_user_agent: "no user-agent is added",
      tracing: spans,
      http_protocol_options: http1,
      http3_protocol_options: "there is no QUIC: clients fall back",
      server_name: "the server's name is Sluice's",
      server_header_transformation: "the backend's passes",
      scheme_header_transformation: "the scheme is that of the connection",
      max_request_headers_kb: "the limit headerListOctets counts",
      request_timeout: "a live stream is not cut for its length",
      drain_timeout: "streams drain as the file beside --xds says",
      delayed_close_timeout: "as RFC 9113 §9.1 has it",
      access_log: logs,
      access_log_flush_interval: logs,
      flush_access_log_on_new_request: logs,
      access_log_options: logs,
      use_remote_address: "the peer's address is the client's; x-forwarded-for passes as it came",
      xff_num_trusted_hops: "the peer's address is the client's; x-forwarded-for passes as it came",
      internal_address_config: "nothing depends on it",
      skip_xff_append: "nothing is appended",
      generate_request_id: "none is added",
      preserve_external_request_id: "none is changed",
      always_set_request_id_in_response: "none is added",
      request_id_extension: "none is added",
      forward_client_cert_details: "x-forwarded-client-cert passes as it came",
      normalize_path: "paths are normalized always",
      merge_slashes: "paths are normalized always",
      path_with_escaped_slashes_action: "paths are normalized always",
      path_normalization_options: "paths are normalized always",
      stream_error_on_invalid_http_message: "as RFC 9113 §8.1.1 has it",
      strip_matching_host_port: "names are compared without a port always",
      strip_trailing_host_dot: "names are compared without a final dot always",
      proxy_100_continue: "an endpoint's 100 passes",
      represent_ipv4_remote_address_as_ipv4_mapped_ipv6: "addresses are as they are",
      append_x_forwarded_port: "not appended",
      append_local_overload: "not appended",
      via: "not appended",
      add_proxy_protocol_connection_state: "nothing depends on it",
      typed_header_validation_config: "headers are judged as RFC 9113 §8.2 has it",
    },
  },
  [`${HCM}.HttpConnectionManager.UpgradeConfig`]: { honoured: ["upgrade_type", "enabled"] },
  [`${HCM}.Rds`]: { honoured: ["config_source", "route_config_name"] },
  [`${HCM}.HttpFilter`]: { honoured: words("name typed_config is_optional disabled") },
  "envoy.extensions.filters.http.router.v3.Router": {
    honoured: [],
    harmless: {
      dynamic_stats: stats,
      start_child_span: spans,
      upstream_log: logs,
      upstream_log_options: logs,
      suppress_envoy_headers: "no x-envoy headers are sent",
      respect_expected_rq_timeout: "no x-envoy headers are read",
      suppress_grpc_request_failure_code_stats: stats,
    },
  },
  [`${TCP}.TcpProxy`]: {
    honoured: words("cluster weighted_clusters idle_timeout max_connect_attempts hash_policy"),
    harmless: {
      stat_prefix: stats,
      access_log: logs,
      access_log_flush_interval: logs,
      flush_access_log_on_connected: logs,
      access_log_options: logs,
    },
  },
  [`${TCP}.TcpProxy.WeightedCluster`]: { honoured: ["clusters"] },
  [`${TCP}.TcpProxy.WeightedCluster.ClusterWeight`]: { honoured: ["name", "weight"] },
  "envoy.type.v3.HashPolicy": { honoured: ["source_ip"] },
  "envoy.type.v3.HashPolicy.SourceIp": { honoured: [] },

  // ---- Routes -----------------------------------------------------------------------------------------------------
  [`${ROUTE}.RouteConfiguration`]: {
    honoured:
      words(`name virtual_hosts request_headers_to_add request_headers_to_remove response_headers_to_add
      response_headers_to_remove most_specific_header_mutations_wins`),
    harmless: {
      validate_clusters: "a route to a cluster that is not there answers UNAVAILABLE",
      internal_only_headers: "no x-envoy headers are read",
      max_direct_response_body_size_bytes: "the message's own bound holds",
      ignore_port_in_host_matching: "names are compared without a port always",
      metadata,
    },
  },
  [`${ROUTE}.VirtualHost`]: {
    honoured:
      words(`name domains routes request_headers_to_add request_headers_to_remove response_headers_to_add
      response_headers_to_remove retry_policy require_tls`),
    harmless: {
      virtual_clusters: stats,
      include_request_attempt_count: "no x-envoy headers are sent",
      include_attempt_count_in_response: "no x-envoy headers are sent",
      include_is_timeout_retry_header: "no x-envoy headers are sent",
      per_request_buffer_limit_bytes: buffers,
      metadata,
    },
  },
  [`${ROUTE}.Route`]: {
    honoured: words(`name match route redirect direct_response non_forwarding_action request_headers_to_add
      request_headers_to_remove response_headers_to_add response_headers_to_remove`),
    harmless: {
      metadata,
      decorator: spans,
      tracing: spans,
      per_request_buffer_limit_bytes: buffers,
      stat_prefix: stats,
    },
  },
  [`${ROUTE}.NonForwardingAction`]: { honoured: [] },
  [`${ROUTE}.RouteMatch`]: {
    honoured:
      words(`prefix path safe_regex path_separated_prefix case_sensitive runtime_fraction headers query_parameters
      grpc`),
  },
  [`${ROUTE}.RouteMatch.GrpcRouteMatchOptions`]: { honoured: [] },
  [`${CORE}.RuntimeFractionalPercent`]: { honoured: ["default_value"], harmless: { runtime_key: runtime } },
  "envoy.type.v3.FractionalPercent": { honoured: ["numerator", "denominator"] },
  [`${ROUTE}.HeaderMatcher`]: {
    honoured:
      words(`name exact_match safe_regex_match present_match prefix_match suffix_match contains_match string_match
      invert_match treat_missing_header_as_empty`),
  },
  [`${ROUTE}.QueryParameterMatcher`]: { honoured: words("name string_match present_match") },
  "envoy.type.matcher.v3.StringMatcher": {
    honoured: words("exact prefix suffix safe_regex contains ignore_case"),
  },
  "envoy.type.matcher.v3.RegexMatcher": {
    honoured: ["regex"],
    harmless: { google_re2: "matches take bounded time always" },
  },
  "envoy.type.matcher.v3.RegexMatchAndSubstitute": { honoured: ["pattern", "substitution"] },
  [`${ROUTE}.RouteAction`]: {
    honoured:
      words(`cluster cluster_header weighted_clusters prefix_rewrite regex_rewrite host_rewrite_literal
      auto_host_rewrite host_rewrite_header timeout idle_timeout retry_policy hash_policy max_grpc_timeout max_stream_duration
      upgrade_configs`),
    harmless: {
      cluster_not_found_response_code: "503, or UNAVAILABLE",
      priority: "circuit breakers have one threshold",
      include_vh_rate_limits: "there are no rate limits",
      append_x_forwarded_host: "not appended",
      early_data_policy: "there is no early data",
      internal_redirect_action: "redirects pass to the client",
      max_internal_redirects: "redirects pass to the client",
    },
  },
  [`${ROUTE}.RouteAction.UpgradeConfig`]: { honoured: ["upgrade_type", "enabled"] },
  [`${ROUTE}.RouteAction.MaxStreamDuration`]: {
    honoured: words("max_stream_duration grpc_timeout_header_max"),
    harmless: { grpc_timeout_header_offset: "the client's own deadline counts" },
  },
  [`${ROUTE}.WeightedCluster`]: {
    honoured: ["clusters"],
    harmless: {
      total_weight: "the sum of the weights counts",
      runtime_key_prefix: runtime,
    },
  },
  [`${ROUTE}.WeightedCluster.ClusterWeight`]: {
    honoured: words(`name weight request_headers_to_add request_headers_to_remove response_headers_to_add
      response_headers_to_remove host_rewrite_literal`),
  },
  [`${ROUTE}.RouteAction.HashPolicy`]: {
    honoured: words("header cookie connection_properties query_parameter terminal"),
  },
  [`${ROUTE}.RouteAction.HashPolicy.Header`]: { honoured: ["header_name"] },
  [`${ROUTE}.RouteAction.HashPolicy.Cookie`]: { honoured: ["name"] },
  [`${ROUTE}.RouteAction.HashPolicy.ConnectionProperties`]: { honoured: ["source_ip"] },
  [`${ROUTE}.RouteAction.HashPolicy.QueryParameter`]: { honoured: ["name"] },
  [`${ROUTE}.RetryPolicy`]: {
    honoured: words("retry_on num_retries retriable_status_codes"),
    harmless: {
      per_try_timeout: "a try that is silent is not given up: gRPC's deadline holds for the call",
      per_try_idle_timeout: "a try that is silent is not given up: gRPC's deadline holds for the call",
      retry_host_predicate: "an endpoint is tried once for a call always",
      host_selection_retry_max_attempts: "an endpoint is tried once for a call always",
      retry_back_off: "the next try has another endpoint, at once",
      rate_limited_retry_back_off: "the next try has another endpoint, at once",
      retry_priority: "endpoints in their order",
    },
  },
  [`${ROUTE}.RedirectAction`]: {
    honoured:
      words(`https_redirect scheme_redirect host_redirect port_redirect path_redirect prefix_rewrite response_code
      strip_query`),
  },
  [`${ROUTE}.DirectResponseAction`]: { honoured: ["status", "body"] },
  [`${CORE}.HeaderValueOption`]: {
    honoured: words("header append append_action"),
    harmless: { keep_empty_value: "a header without a value is not sent" },
  },
  [`${CORE}.HeaderValue`]: { honoured: ["key", "value", "raw_value"] },
  [`${CORE}.DataSource`]: { honoured: ["filename", "inline_bytes", "inline_string", "environment_variable"] },

  // ---- Clusters ---------------------------------------------------------------------------------------------------
  [`${CLUSTER}.Cluster`]: {
    honoured:
      words(`name type cluster_type eds_cluster_config connect_timeout lb_policy load_balancing_policy load_assignment
      health_checks max_requests_per_connection circuit_breakers http2_protocol_options typed_extension_protocol_options
      common_http_protocol_options dns_refresh_rate dns_lookup_family outlier_detection upstream_bind_config
      ring_hash_lb_config maglev_lb_config least_request_lb_config round_robin_lb_config common_lb_config transport_socket
      upstream_connection_options`),
    harmless: {
      alt_stat_name: stats,
      per_connection_buffer_limit_bytes: buffers,
      http_protocol_options: http1,
      upstream_http_protocol_options: "a certificate is checked against the name that is configured",
      respect_dns_ttl: "records are asked for again when their TTL is over",
      dns_failure_refresh_rate: "names are asked for again with growing pauses",
      dns_resolvers: "this machine's name servers are asked",
      dns_resolution_config: "this machine's name servers are asked",
      typed_dns_resolver_config: "this machine's name servers are asked",
      use_tcp_for_dns_lookups: "this machine's name servers are asked",
      wait_for_warm_on_init: "a cluster is used when its endpoints are known",
      cleanup_interval: "only for original destinations",
      metadata,
      protocol_selection: "deprecated",
      close_connections_on_host_health_failure: "live streams of an unhealthy endpoint go on",
      ignore_health_on_host_removal: "an endpoint that has left drains",
      lrs_server: "loads are not reported",
      lrs_report_endpoint_metrics: "loads are not reported",
      track_timeout_budgets: stats,
      track_cluster_stats: stats,
      preconnect_policy: "connections are opened as they are needed",
      connection_pool_per_downstream_connection: "connections are shared",
    },
  },
  [`${CLUSTER}.Cluster.EdsClusterConfig`]: { honoured: ["eds_config", "service_name"] },
  [`${CLUSTER}.Cluster.CustomClusterType`]: { honoured: ["name", "typed_config"] },
  "envoy.extensions.clusters.aggregate.v3.ClusterConfig": { honoured: ["clusters"] },
  [`${CLUSTER}.Cluster.RingHashLbConfig`]: {
    honoured: ["hash_function"],
    harmless: {
      minimum_ring_size: "a ring of Sluice's own size",
      maximum_ring_size: "a ring of Sluice's own size",
    },
  },
  [`${CLUSTER}.Cluster.MaglevLbConfig`]: { honoured: [], harmless: { table_size: "65,537" } },
  [`${CLUSTER}.Cluster.LeastRequestLbConfig`]: {
    honoured: ["slow_start_config"],
    harmless: {
      choice_count: "all endpoints are looked at, up to 32",
      active_request_bias: "streams count whole",
    },
  },
  [`${CLUSTER}.Cluster.RoundRobinLbConfig`]: { honoured: ["slow_start_config"] },
  [`${CLUSTER}.Cluster.SlowStartConfig`]: {
    honoured: words("slow_start_window aggression min_weight_percent"),
  },
  [`${CORE}.RuntimeDouble`]: { honoured: ["default_value"], harmless: { runtime_key: runtime } },
  "envoy.type.v3.Percent": { honoured: ["value"] },
  [`${CLUSTER}.Cluster.CommonLbConfig`]: {
    honoured: words("healthy_panic_threshold consistent_hashing_lb_config"),
    harmless: {
      locality_weighted_lb_config: "weights of localities count wherever they are said",
      zone_aware_lb_config: "zones count by the weights of localities alone",
      update_merge_window: "changes of one turn are one",
      ignore_new_hosts_until_first_hc: "with health checks so",
      close_connections_on_host_set_change: "live streams go on",
      override_host_status: "there are no session filters",
    },
  },
  [`${CLUSTER}.Cluster.CommonLbConfig.ConsistentHashingLbConfig`]: {
    honoured: ["hash_balance_factor"],
    harmless: { use_hostname_for_hashing: "endpoints are placed by their hash_key, or their address" },
  },
  [`${CLUSTER}.LoadBalancingPolicy`]: { honoured: ["policies"] },
  [`${CLUSTER}.LoadBalancingPolicy.Policy`]: { honoured: ["typed_extension_config"] },
  [`${CORE}.TypedExtensionConfig`]: { honoured: ["name", "typed_config"] },
  [`${LB}.round_robin.v3.RoundRobin`]: {
    honoured: ["slow_start_config"],
    harmless: { locality_lb_config: "weights of localities count wherever they are said" },
  },
  [`${LB}.least_request.v3.LeastRequest`]: {
    honoured: ["slow_start_config"],
    harmless: {
      choice_count: "all endpoints are looked at, up to 32",
      active_request_bias: "streams count whole",
      locality_lb_config: "weights of localities count wherever they are said",
      enable_full_scan: "all endpoints are looked at, up to 32",
      selection_method: "all endpoints are looked at, up to 32",
    },
  },
  [`${LB}.random.v3.Random`]: {
    honoured: [],
    harmless: { locality_lb_config: "weights of localities count wherever they are said" },
  },
  [`${LB}.ring_hash.v3.RingHash`]: {
    honoured: words("hash_function hash_balance_factor consistent_hashing_lb_config"),
    harmless: {
      minimum_ring_size: "a ring of Sluice's own size",
      maximum_ring_size: "a ring of Sluice's own size",
      use_hostname_for_hashing: "endpoints are placed by their hash_key, or their address",
      locality_weighted_lb_config: "weights of localities count wherever they are said",
    },
  },
  [`${LB}.maglev.v3.Maglev`]: {
    honoured: ["consistent_hashing_lb_config"],
    harmless: {
      table_size: "65,537",
      locality_weighted_lb_config: "weights of localities count wherever they are said",
    },
  },
  [`${LB}.common.v3.ConsistentHashingLbConfig`]: {
    honoured: ["hash_balance_factor"],
    harmless: { use_hostname_for_hashing: "endpoints are placed by their hash_key, or their address" },
  },
  [`${LB}.common.v3.SlowStartConfig`]: {
    honoured: words("slow_start_window aggression min_weight_percent"),
  },
  [`${LB}.wrr_locality.v3.WrrLocality`]: { honoured: ["endpoint_picking_policy"] },
  [`${LB}.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin`]: {
    honoured: [],
    harmless: Object.fromEntries(
      words(`enable_oob_load_report oob_reporting_period blackout_period weight_expiration_period weight_update_period
        error_utilization_penalty`).map((name) => [name, "round robin by the weights that are told"]),
    ),
  },
  [`${CLUSTER}.CircuitBreakers`]: { honoured: ["thresholds"] },
  [`${CLUSTER}.CircuitBreakers.Thresholds`]: {
    honoured: words("priority max_connections max_pending_requests max_requests max_retries"),
    harmless: {
      track_remaining: stats,
      max_connection_pools: "connections are shared",
      retry_budget: "retries are at most a fifth of all streams always",
    },
  },
  [`${CLUSTER}.OutlierDetection`]: {
    honoured:
      words(`consecutive_5xx interval base_ejection_time max_ejection_percent enforcing_consecutive_5xx
      enforcing_success_rate success_rate_minimum_hosts success_rate_request_volume success_rate_stdev_factor
      failure_percentage_threshold enforcing_failure_percentage failure_percentage_minimum_hosts
      failure_percentage_request_volume max_ejection_time`),
    harmless: {
      consecutive_gateway_failure: "consecutive failures of any kind count",
      enforcing_consecutive_gateway_failure: "consecutive failures of any kind count",
      split_external_local_origin_errors: "failures of any kind count",
      consecutive_local_origin_failure: "consecutive failures of any kind count",
      enforcing_consecutive_local_origin_failure: "consecutive failures of any kind count",
      enforcing_local_origin_success_rate: "failures of any kind count",
      enforcing_failure_percentage_local_origin: "failures of any kind count",
      max_ejection_time_jitter: "no jitter",
      successful_active_health_check_uneject_host: "health and ejection are apart",
      always_eject_one_host: "one may be ejected always",
    },
  },
  [`${CORE}.HealthCheck`]: {
    honoured:
      words(`timeout interval interval_jitter unhealthy_threshold healthy_threshold alt_port tcp_health_check
      grpc_health_check`),
    harmless: {
      initial_jitter: "checks begin spread over an interval",
      interval_jitter_percent: "a tenth",
      reuse_connection: "a connection for each check: whether it accepts one is a part of the question",
      no_traffic_interval: "the interval holds always",
      no_traffic_healthy_interval: "the interval holds always",
      unhealthy_interval: "the interval holds always",
      unhealthy_edge_interval: "the interval holds always",
      healthy_edge_interval: "the interval holds always",
      event_log_path: "the process log has it",
      event_logger: "the process log has it",
      event_service: "the process log has it",
      always_log_health_check_failures: "changes are logged",
      always_log_health_check_success: "changes are logged",
      transport_socket_match_criteria: "TLS as of the cluster",
    },
  },
  [`${CORE}.HealthCheck.GrpcHealthCheck`]: {
    honoured: ["service_name"],
    harmless: { authority: "the endpoint's address", initial_metadata: "none is sent" },
  },
  [`${CORE}.HealthCheck.TcpHealthCheck`]: { honoured: [] },
  [`${CORE}.HttpProtocolOptions`]: {
    honoured: words("idle_timeout max_connection_duration max_stream_duration max_requests_per_connection"),
    harmless: {
      max_headers_count: "the limit headerFieldsMax counts",
      headers_with_underscores_action: "such headers pass",
    },
  },
  [`${CORE}.Http2ProtocolOptions`]: {
    honoured: words("max_concurrent_streams connection_keepalive"),
    harmless: {
      hpack_table_size: buffers,
      initial_stream_window_size: buffers,
      initial_connection_window_size: buffers,
      allow_metadata: "there is none",
      max_outbound_frames: buffers,
      max_outbound_control_frames: buffers,
      max_consecutive_inbound_frames_with_empty_payload: "abuse has limits of Sluice's own (docs/abuse.md)",
      max_inbound_priority_frames_per_stream: "abuse has limits of Sluice's own (docs/abuse.md)",
      max_inbound_window_update_frames_per_data_frame_sent:
        "abuse has limits of Sluice's own (docs/abuse.md)",
      stream_error_on_invalid_http_messaging: "as RFC 9113 §8.1.1 has it",
      override_stream_error_on_invalid_http_message: "as RFC 9113 §8.1.1 has it",
      use_oghttp2_codec: "HTTP/2 is Sluice's own",
    },
  },
  [`${CORE}.KeepaliveSettings`]: {
    honoured: ["interval", "timeout"],
    harmless: {
      interval_jitter: "a tenth",
      connection_idle_interval: "a silent connection is asked after three seconds",
    },
  },
  [`${CLUSTER}.UpstreamConnectionOptions`]: {
    honoured: ["tcp_keepalive"],
    harmless: {
      set_local_interface_name_on_upstream_connections: "nothing depends on it",
      happy_eyeballs_config: "each address is an endpoint",
    },
  },
  [`${CORE}.TcpKeepalive`]: {
    honoured: [],
    harmless: {
      keepalive_probes: "the system's",
      keepalive_time: "the system's",
      keepalive_interval: "the system's",
    },
  },
  [`${CORE}.BindConfig`]: {
    honoured: ["source_address"],
    harmless: { socket_options: "Sluice sets its own" },
  },
  [`${UPSTREAM}.HttpProtocolOptions`]: {
    honoured: words(
      "common_http_protocol_options explicit_http_config use_downstream_protocol_config auto_config",
    ),
    harmless: {
      upstream_http_protocol_options: "a certificate is checked against the name that is configured",
      header_validation_config: "headers are judged as RFC 9113 §8.2 has it",
    },
  },
  [`${UPSTREAM}.HttpProtocolOptions.ExplicitHttpConfig`]: {
    honoured: words("http_protocol_options http2_protocol_options"),
  },
  [`${UPSTREAM}.HttpProtocolOptions.UseDownstreamHttpConfig`]: {
    honoured: words("http_protocol_options http2_protocol_options"),
  },
  [`${UPSTREAM}.HttpProtocolOptions.AutoHttpConfig`]: {
    honoured: words("http_protocol_options http2_protocol_options"),
  },
  [`${CORE}.Http1ProtocolOptions`]: {
    honoured: [],
    harmless: Object.fromEntries(
      words(`allow_absolute_url accept_http_10 default_host_for_http_10 header_key_format enable_trailers
        allow_chunked_length override_stream_error_on_invalid_http_message send_fully_qualified_url
        use_balsa_parser allow_custom_methods`).map((name) => [name, http1]),
    ),
  },

  // ---- Endpoints --------------------------------------------------------------------------------------------------
  [`${ENDPOINT}.ClusterLoadAssignment`]: {
    honoured: ["cluster_name", "endpoints"],
    harmless: { policy: "priorities are used in their order, as their endpoints can be" },
  },
  [`${ENDPOINT}.LocalityLbEndpoints`]: {
    honoured: words("locality lb_endpoints load_balancing_weight priority"),
    harmless: { metadata, proximity: "zones count by the weights of localities alone" },
  },
  [`${ENDPOINT}.LbEndpoint`]: {
    honoured: words("endpoint health_status load_balancing_weight"),
    harmless: { metadata },
  },
  [`${ENDPOINT}.Endpoint`]: {
    honoured: ["address"],
    harmless: {
      hostname: "for strict_dns alone",
      health_check_config: "checks are as of the cluster",
      additional_addresses: "the first address counts",
    },
  },
  [`${CORE}.Locality`]: { honoured: words("region zone sub_zone") },
  [`${CORE}.Address`]: { honoured: ["socket_address", "pipe"] },
  [`${CORE}.SocketAddress`]: {
    honoured: words("protocol address port_value"),
    harmless: {
      ipv4_compat: "IPv4 clients come as such",
      resolver_name: "this machine's name servers are asked",
    },
  },
  [`${CORE}.Pipe`]: { honoured: ["path"], harmless: { mode: "the process's umask counts" } },
  [`${CORE}.ConfigSource`]: {
    honoured: words("ads self initial_fetch_timeout resource_api_version"),
  },
  [`${CORE}.AggregatedConfigSource`]: { honoured: [] },
  [`${CORE}.SelfConfigSource`]: { honoured: ["transport_api_version"] },

  // ---- TLS --------------------------------------------------------------------------------------------------------
  [`${CORE}.TransportSocket`]: { honoured: ["name", "typed_config"] },
  [`${TLS}.DownstreamTlsContext`]: {
    honoured: words("common_tls_context require_client_certificate session_timeout"),
    harmless: {
      require_sni: "without SNI the first certificate is shown",
      ocsp_staple_policy: "no staple is taken from the control plane",
      disable_stateless_session_resumption: "sessions are resumed, by keys of the process",
      disable_stateful_session_resumption: "sessions are resumed, by keys of the process",
      full_scan_certs_on_sni_mismatch: "the first certificate is shown",
    },
  },
  [`${TLS}.UpstreamTlsContext`]: {
    honoured: ["common_tls_context", "sni"],
    harmless: {
      max_session_keys: "the last session of each endpoint is resumed",
      enforce_rsa_key_usage: "as OpenSSL has it",
    },
  },
  [`${TLS}.CommonTlsContext`]: {
    honoured: words(`tls_params tls_certificates tls_certificate_sds_secret_configs validation_context
      validation_context_sds_secret_config combined_validation_context alpn_protocols`),
  },
  [`${TLS}.CommonTlsContext.CombinedCertificateValidationContext`]: {
    honoured: words("default_validation_context validation_context_sds_secret_config"),
  },
  [`${TLS}.TlsParameters`]: {
    honoured: words("tls_minimum_protocol_version tls_maximum_protocol_version cipher_suites"),
    harmless: { ecdh_curves: "OpenSSL's", signature_algorithms: "OpenSSL's" },
  },
  [`${TLS}.SdsSecretConfig`]: { honoured: ["name", "sds_config"] },
  [`${TLS}.Secret`]: { honoured: words("name tls_certificate validation_context") },
  [`${TLS}.TlsCertificate`]: {
    honoured: words("certificate_chain private_key"),
    harmless: {
      watched_directory: "a file that changes is read again",
      ocsp_staple: "no staple is taken from the control plane",
    },
  },
  [`${TLS}.CertificateValidationContext`]: {
    honoured: words(`trusted_ca system_root_certs crl match_typed_subject_alt_names match_subject_alt_names
      trust_chain_verification max_verify_depth`),
    harmless: {
      watched_directory: "a file that changes is read again",
      only_verify_leaf_cert_crl: "the whole chain is checked",
    },
  },
  [`${TLS}.CertificateValidationContext.SystemRootCerts`]: { honoured: [] },
  [`${TLS}.SubjectAltNameMatcher`]: { honoured: ["san_type", "matcher"] },
}
