import { connect } from "node:net"
import { join } from "node:path"
import type { Peer } from "../peers/peer.ts"
import type { Setup } from "./setup.ts"

const asBenchmarked = (peer: Peer, configuration: string): string[] => peer.command(configuration)

export const SETUPS: Readonly<Record<string, Setup>> = {
  nginx: {
    files: ["nginx.conf"],
    command: asBenchmarked,
    why: [
      "round robin, one worker, upstream connections kept",
      "`max_fails=1 fail_timeout=1s`: a backend that refused a connection is tried again after a second, not ten",
      "`grpc_read_timeout` of a day: anything shorter ends streams that are merely silent; nginx has no other means " +
        "of its own to find a frozen backend (active health checks are NGINX Plus's)",
      "new endpoints and a reload are SIGHUP: this version's `upstream` does not follow DNS",
    ],
    addBackend: async (proxy) => proxy.signal("SIGHUP"),
    reload: (proxy) => proxy.signal("SIGHUP"),
  },
  haproxy: {
    files: ["haproxy.cfg"],
    command: (peer, configuration) => [peer.command(configuration)[0]!, "-W", "-f", configuration],
    why: [
      "round robin, one thread, `http-reuse always`",
      "`check inter 1s fall 2 rise 1` by HTTP/2 GET, `timeout check 1s`",
      "`on-marked-down shutdown-sessions`: streams on a backend that fails its checks are ended; without it those on a " +
        "frozen one hang for as long as it is frozen",
      "`retries 3`, `option redispatch 1`: a refused connection is tried elsewhere at once",
      "a new endpoint by the runtime API (`add server`), which needs no reload; a reload is SIGUSR2 to the master",
    ],
    addBackend: async (proxy, port, index) => {
      const name = `back/s${index + 1}`
      const server = `add server ${name} 127.0.0.1:${port} proto h2 check check-proto h2 inter 1s fall 2 rise 1`
      const said = await ask(
        join(proxy.directory, "admin.sock"),
        `${server} on-marked-down shutdown-sessions; enable health ${name}; enable server ${name}`,
      )
      if (!said.includes("New server registered")) throw new Error(`haproxy: ${said.trim()}`)
    },
    reload: (proxy) => proxy.signal("SIGUSR2"),
  },
  envoy: {
    files: ["envoy.yaml", "envoy-routes.yaml", "envoy-endpoints.yaml"],
    command: asBenchmarked,
    why: [
      "round robin, one worker, no circuit breaker at its default (1,024 streams)",
      "`grpc_health_check` every second, `unhealthy_threshold: 2`, `healthy_threshold: 1`",
      "`connection_keepalive` of 3 s and 2 s towards backends: a PING without an answer ends a frozen one's streams; health " +
        "checks alone leave them (a grpc-go server at its defaults ends connections that send PINGs so often)",
      "`retry_on: connect-failure,refused-stream`",
      "routes and endpoints by RDS and EDS from files that it watches: a new endpoint is another EDS file, a reload " +
        "another RDS file; a changed bootstrap would need another process",
    ],
    addBackend: async () => {},
    reload: () => {},
  },
  sluice: {
    files: ["sluice.conf"],
    command: asBenchmarked,
    why: [
      "round robin, one data thread, defaults",
      "`health_check type=grpc interval=1s fails=2 passes=1 timeout=1s`, as HAProxy and Envoy have theirs",
      "`grpc_drain_grace 1s`: streams of an endpoint that fails its checks end after that, as by HAProxy's " +
        "`shutdown-sessions`, one after the other; without it PINGs find a frozen one in 12 s, at a rate that no grpc-go " +
        "server punishes",
      "new endpoints and a reload are SIGHUP",
      "no continuity, no rebalancing: both need backends that know of it, and the others have neither",
    ],
    addBackend: async (proxy) => proxy.signal("SIGHUP"),
    reload: (proxy) => proxy.signal("SIGHUP"),
  },
}

/** One line to a Unix socket, and all that is said in return. */
function ask(path: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(`${line}\n`))
    let said = ""
    socket.on("data", (text) => (said += String(text)))
    socket.once("error", reject)
    socket.once("close", () => resolve(said))
  })
}
