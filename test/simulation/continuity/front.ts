/** Calls that come to a route with continuity by the page of an error. */
import { defaultCluster, defaultEndpoint, defaultRouteSettings } from "../../../src/config/defaults.ts"
import type { Config } from "../../../src/config/model.ts"
import type { Http2Stream } from "../../../src/http2/stream.ts"
import type { Scheduler } from "../network/scheduler.ts"
import type { VirtualLink } from "../network/virtual-link.ts"
import { Peer, type PeerStreamOwner } from "../peers/peer.ts"
import { PLAIN } from "../plain.ts"

const PORT = 2999
/** The endpoint that calls come to first. */
export const FRONT = `sim:${PORT}`
const CLUSTER = "front"
const PAGE = "@kept"
/** So long it has its streams: what it is sent meanwhile is kept. */
const SERVES_MS = 30

/** The same routes behind one whose errors lead to them. */
export function leadByPage(config: Config): Config {
  const [server] = config.servers
  const [route] = server!.routes
  const { messageLimits } = route!.settings
  server!.routes = [
    {
      ...route!,
      action: { kind: "cluster", cluster: CLUSTER, tls: null },
      settings: {
        ...defaultRouteSettings(),
        messageLimits,
        errorPages: [{ httpStatuses: [502, 503, 504], status: "target", target: PAGE }],
      },
    },
    { ...route!, match: { kind: "named", name: PAGE } },
  ]
  const endpoint = defaultEndpoint({ text: FRONT, host: "sim", port: PORT, unixPath: null })
  config.clusters.push({ ...defaultCluster(CLUSTER), endpoints: [{ ...endpoint, maxFails: 0 }] })
  return config
}

/** Takes calls, reads some of them, and loses its connection. */
export function losingBackend(scheduler: Scheduler): (link: VirtualLink) => Peer {
  return (link) => new LosingPeer("server", PLAIN.peer, link, scheduler)
}

/** Hears nothing of its stream. */
const DEAF: PeerStreamOwner = {
  hasSentHead: false,
  spoil: () => {},
  onHead: () => {},
  onData: () => {},
  onTrailers: () => {},
  onReset: () => {},
}

class LosingPeer extends Peer {
  override onRequest(stream: Http2Stream<PeerStreamOwner>): void {
    stream.owner = DEAF
    this.scheduler.in(SERVES_MS, () => this.link.reset())
  }

  protected onOver(): void {}
}
