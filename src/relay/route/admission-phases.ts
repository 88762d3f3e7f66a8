import type { RouteSettings, ServerConfig } from "../../config/model.ts"
import type { AskedService } from "../../config/service-model.ts"
import { type AccessParts, checkAccess, findRealClient, hasAccess } from "./access.ts"
import { askExtAuthz } from "./ext-authz.ts"
import { limitRequests, limitStreams } from "./limit-phases.ts"
import { askRateService } from "./rate-service.ts"
import type { Phase, Route } from "./route.ts"
import type { ServiceMessages } from "./service-messages.ts"
import type { Zone } from "./zone.ts"

/** What these phases are made of. */
export interface AdmissionParts extends AccessParts {
  readonly serviceMessages: ServiceMessages
  zoneOf(name: string): Zone
}

/**
 * Preaccess and access: who is let in, and how many. A service of limits comes last: it is not asked of who is refused.
 *
 * @param serviceRoute leads to a service
 */
export function admissionPhases(
  server: ServerConfig,
  settings: RouteSettings,
  parts: AdmissionParts,
  serviceRoute: (service: AskedService) => Route,
): Phase[] {
  const { zoneOf, templateOf, serviceMessages } = parts
  const { realIp, requestLimits, streamLimits, access, extAuthz, rateService } = settings
  const phases: Phase[] = []
  // nginx asks twice, by what the server says and then by what the location does. A client that is known stays.
  const isServers = JSON.stringify(realIp) === JSON.stringify(server.fallback.realIp)
  if (realIp !== null && !isServers) phases.push(findRealClient(realIp))
  const serverKey = JSON.stringify([server.names, server.listeners])
  const asked =
    extAuthz === null ? null : askExtAuthz(extAuthz, serviceRoute(extAuthz), templateOf, serviceMessages)
  const who = hasAccess(access) || asked !== null ? checkAccess(access, parts, serverKey, asked) : null
  if (who !== null) phases.push(...who.first)
  if (streamLimits.limits.length > 0) phases.push(limitStreams(streamLimits, zoneOf))
  if (requestLimits.limits.length > 0) phases.push(limitRequests(requestLimits, zoneOf))
  if (who !== null) phases.push(...who.phases)
  if (rateService !== null)
    phases.push(askRateService(rateService, serviceRoute(rateService), templateOf, serviceMessages))
  return phases
}
