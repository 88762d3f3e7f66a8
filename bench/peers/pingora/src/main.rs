//! Pingora as a peer of the benchmark: h2c (or TLS) in, h2c out, endpoints in turn. Its one argument is a file of lines
//! `listen PORT`, `certificate PEM KEY`, `streams N`, `endpoint ADDRESS`; see bench/peers/conf/pingora.conf.template.
use async_trait::async_trait;
use pingora::apps::HttpServerOptions;
use pingora::prelude::*;
use pingora::protocols::http::v2::server::default_h2_options;
use pingora::server::configuration::ServerConf;
use std::sync::atomic::{AtomicUsize, Ordering};

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 1 << 24;

struct InTurn {
    endpoints: Vec<String>,
    streams: usize,
    next: AtomicUsize,
}

#[async_trait]
impl ProxyHttp for InTurn {
    type CTX = ();
    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, _: &mut ()) -> Result<Box<HttpPeer>> {
        let endpoint = &self.endpoints[self.next.fetch_add(1, Ordering::Relaxed) % self.endpoints.len()];
        let mut peer = HttpPeer::new(endpoint, false, String::new());
        peer.options.set_http_version(2, 2);
        peer.options.max_h2_streams = self.streams;
        peer.options.h2_stream_window_size = Some(STREAM_WINDOW);
        peer.options.h2_connection_window_size = Some(CONNECTION_WINDOW);
        Ok(Box::new(peer))
    }
}

fn main() {
    let file = std::env::args().nth(1).expect("the configuration file");
    if file == "--version" {
        return println!("pingora {}", env!("CARGO_PKG_VERSION"));
    }
    let text = std::fs::read_to_string(file).expect("the configuration file can be read");
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let of = |word: &'static str| lines.iter().filter(move |line| line.first() == Some(&word)).map(|line| &line[1..]);
    let listen = format!("127.0.0.1:{}", of("listen").next().expect("listen")[0]);
    let streams: usize = of("streams").next().expect("streams")[0].parse().expect("a number");

    let conf = ServerConf { threads: 1, upstream_keepalive_pool_size: 4096, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let endpoints = of("endpoint").map(|words| words[0].to_string()).collect();
    let mut proxy = http_proxy_service(&server.configuration, InTurn { endpoints, streams, next: AtomicUsize::new(0) });
    let logic = proxy.app_logic_mut().expect("a proxy");
    let mut options = HttpServerOptions::default();
    options.h2c = true;
    logic.server_options = Some(options);
    let mut h2 = default_h2_options();
    h2.max_concurrent_streams(streams as u32).initial_window_size(STREAM_WINDOW);
    h2.initial_connection_window_size(CONNECTION_WINDOW);
    logic.h2_options = Some(h2);
    match of("certificate").next() {
        Some(files) => {
            let mut tls = pingora::listeners::tls::TlsSettings::intermediate(files[0], files[1]).expect("a certificate");
            tls.enable_h2();
            proxy.add_tls_with_settings(&listen, None, tls);
        }
        None => proxy.add_tcp(&listen),
    }
    server.add_service(proxy);
    server.run_forever();
}
