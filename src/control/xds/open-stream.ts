import { CachedClock, type Clock } from "../../base/clock.ts"
import type { Limits } from "../../base/limits.ts"
import type { Address } from "../../config/address.ts"
import { defaultEndpoint } from "../../config/defaults.ts"
import type { UpstreamTlsConfig } from "../../config/shared-model.ts"
import type { Log } from "../../log/logger.ts"
import { Flusher } from "../../net/flusher.ts"
import { Link } from "../../net/link.ts"
import { systemNetwork } from "../../net/network.ts"
import { TlsFileWatch } from "../../net/tls-file-watch.ts"
import { TlsUpstream } from "../../net/tls-upstream.ts"
import { AdsConnection } from "./ads-connection.ts"
import type { XdsClientOptions } from "./xds-client.ts"

export interface ControlPlaneSocket {
  readonly server: Address
  readonly tls: UpstreamTlsConfig | null
  readonly limits: Limits
  readonly clock: Clock
  readonly log: Log
}

/** How streams to a control plane are opened, each on a connection of its own. Errors: throws where its certificates cannot be read. */
export function streamOpener({
  server,
  tls,
  limits,
  clock,
  log,
}: ControlPlaneSocket): XdsClientOptions["open"] {
  const cached = new CachedClock(clock)
  const flusher = new Flusher((callback) => systemNetwork.afterReads(callback), {
    turnBegan() {},
    turnEnded() {},
  })
  const owner = {
    onBug: (error: unknown) =>
      log.error("unexpected error: the connection to the control plane ended", {
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
    onClosed() {},
  }
  const secure = tls === null ? null : new TlsUpstream({ config: tls, files: new TlsFileWatch(clock), log })
  secure?.prepare()()
  const endpoint = defaultEndpoint(server)
  return (path, events) =>
    new AdsConnection({
      limits,
      clock: cached,
      path,
      authority: server.unixPath === null ? (tls?.serverName ?? server.text) : "localhost",
      isTls: secure !== null,
      dial: (onOctets) => (secure ?? systemNetwork).connect(endpoint, null, onOctets),
      link: (socket) => new Link(socket, flusher, cached, owner),
      ...events,
    })
}
