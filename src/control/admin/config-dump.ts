import { fromBinary, type JsonObject, type JsonValue } from "@bufbuild/protobuf"
import { maskHeader, maskText } from "../../record/mask.ts"
import { MESSAGES, shownAsJson } from "../../xds/adapt/extensions.ts"
import type { HeldResource } from "../../xds/client/accepted.ts"
import { CLUSTER, type DataPlaneType, ENDPOINTS, LISTENER, ROUTES, SECRET } from "../../xds/type-urls.ts"
import { AdminError } from "./route.ts"
import type { ControlPlaneView } from "./view.ts"

export const configDumpQuery = {
  include_eds: "In any form: endpoints too.",
}

/**
 * Everything that a control plane has said and that was taken, in the shape of Envoy's `/config_dump`: what of it is in use, and
 * what waits for something that it names. Errors: throws AdminError where there is none.
 */
export function configDump(plane: ControlPlaneView | null, query: URLSearchParams): JsonObject {
  if (plane === null) throw new AdminError(404, "there is no control plane: sluice run --xds names one")
  const { live, accepted } = plane
  const isLive = (kind: "listeners" | "routes" | "clusters", name: string): boolean =>
    live[kind].get(name) === accepted[kind].get(name)
  const rows = (type: DataPlaneType, field: string): (readonly [name: string, row: JsonObject])[] =>
    [...plane.resources(type)].map(([name, held]) => [name, rowOf(type, field, held)])
  const split = (kind: "listeners" | "routes" | "clusters", all: ReturnType<typeof rows>) => {
    const [used, waiting] = [true, false].map((wanted) =>
      all.filter(([name]) => isLive(kind, name) === wanted).map(([, row]) => row),
    )
    return { used: used!, waiting: waiting! }
  }
  const version = (type: DataPlaneType): string =>
    plane.status.types.find((one) => one.type === type)?.version ?? ""
  const clusters = split("clusters", rows(CLUSTER, "cluster"))
  const configs: JsonObject[] = [
    {
      ...dumpType("Clusters"),
      version_info: version(CLUSTER),
      dynamic_active_clusters: clusters.used,
      dynamic_warming_clusters: clusters.waiting,
    },
    {
      ...dumpType("Listeners"),
      version_info: version(LISTENER),
      dynamic_listeners: rows(LISTENER, "listener").map(([name, row]) => ({
        name,
        [isLive("listeners", name) ? "active_state" : "warming_state"]: row,
      })),
    },
    { ...dumpType("Routes"), dynamic_route_configs: rows(ROUTES, "route_config").map(([, row]) => row) },
    {
      ...dumpType("Secrets"),
      dynamic_active_secrets: rows(SECRET, "secret").map(([name, row]) => ({ name, ...row })),
    },
  ]
  if (query.has("include_eds"))
    configs.push({
      ...dumpType("Endpoints"),
      dynamic_endpoint_configs: rows(ENDPOINTS, "endpoint_config").map(([, row]) => row),
    })
  return { configs }
}

function dumpType(what: string): JsonObject {
  return { "@type": `type.googleapis.com/envoy.admin.v3.${what}ConfigDump` }
}

function rowOf(type: DataPlaneType, field: string, { version, octets, updatedMs }: HeldResource): JsonObject {
  return {
    version_info: version,
    [field]: { "@type": type, ...bodyOf(type, octets) },
    last_updated: new Date(updatedMs).toISOString(),
  }
}

function bodyOf(type: DataPlaneType, octets: Uint8Array): JsonObject {
  const desc = MESSAGES.getMessage(type.slice(type.lastIndexOf("/") + 1))!
  return masked(shownAsJson(desc, fromBinary(desc, octets))) as JsonObject
}

/** Where a secret's text stands. */
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  "private_key",
  "password",
  "pkcs12",
  "session_ticket_keys",
])

function masked(value: JsonValue): JsonValue {
  if (typeof value === "string") return maskText(value)
  if (Array.isArray(value)) return value.map(masked)
  if (typeof value !== "object" || value === null) return value
  if (typeof value.key === "string" && typeof value.value === "string")
    return { ...value, value: maskHeader(value.key, value.value) }
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      SECRET_FIELDS.has(name) ? "[redacted]" : masked(each),
    ]),
  )
}
