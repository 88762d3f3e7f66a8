import { shortName } from "../../xds/type-urls.ts"
import type { XdsService } from "../xds/xds-service.ts"
import { AdminError } from "./route.ts"
import type { Xds } from "./schema.ts"

const CLIENTS_DEFAULT = 1000
const CLIENTS_MAX = 10_000
/** Names shown of one subscription. */
const NAMES_SHOWN = 100

export const xdsQuery = {
  limit: `Most clients that are shown, the oldest first: ${CLIENTS_DEFAULT} if it is left out, ${CLIENTS_MAX} at most.`,
  nacks: "`true`: only clients that have refused the last they were sent.",
}

/** Errors: throws AdminError where there is no xDS server. */
export function xdsOf(service: XdsService | null, query: URLSearchParams): Xds {
  if (service === null) throw new AdminError(404, "there is no xDS server: admin.xds (sluice_xds) opens one")
  const written = query.get("limit") ?? String(CLIENTS_DEFAULT)
  const limit = /^\d{1,6}$/.test(written) ? Math.min(Number(written), CLIENTS_MAX) : 0
  if (limit < 1) throw new AdminError(400, `limit: a whole number from 1 to ${CLIENTS_MAX}`)
  const all = service.clients
  const wanted =
    query.get("nacks") === "true"
      ? all.filter(({ subscriptions }) => subscriptions.some(({ nack }) => nack !== null))
      : all
  return {
    targets: [...service.targets],
    clientCount: all.length,
    clients: wanted.slice(0, limit).map(({ id, peer, node, agent, api, sinceMs, subscriptions }) => ({
      id,
      peer,
      node,
      agent,
      api,
      since: new Date(sinceMs).toISOString(),
      subscriptions: subscriptions.map(({ type, names, sentVersion, ackedVersion, nack }) => ({
        type: shortName(type),
        names: names.slice(0, NAMES_SHOWN),
        nameCount: names.length,
        sentVersion,
        ackedVersion,
        nack: nack && { version: nack.version, message: nack.message, at: new Date(nack.atMs).toISOString() },
      })),
    })),
    carried: Object.fromEntries(service.loads),
  }
}
