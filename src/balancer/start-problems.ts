import { systemClock } from "../base/clock.ts"
import { resolveLimits } from "../base/resolve-limits.ts"
import { atOnce } from "../base/steps.ts"
import { checkDescriptorSets } from "../bridge/json/check-descriptor-sets.ts"
import { checkCursors } from "../bridge/json/cursor-fields.ts"
import type { Config, RouteConfig } from "../config/model.ts"
import type { UpstreamTlsConfig } from "../config/shared-model.ts"
import { silentLog } from "../log/silent-log.ts"
import { addressProblem } from "../net/listen.ts"
import { NO_STAPLING } from "../net/ocsp/staples.ts"
import { TlsStore } from "../net/tls-store.ts"

/** What keeps a balancer from starting, and the text of the configuration that it is about, where there is one. */
export interface StartProblem {
  readonly message: string
  readonly about: string | null
}

/**
 * What `Balancer` and its start would refuse of a configuration on this machine: files that are not what they should
 * be, addresses that it does not have. Nothing stays open. That a port is taken only a start finds.
 */
export async function startProblems(config: Config): Promise<StartProblem[]> {
  const problems: StartProblem[] = resolveLimits(config.limits).problems.map(({ name, message }) => {
    return { message, about: name }
  })
  const attempt = (about: string | null, action: () => void): void => {
    try {
      action()
    } catch (error) {
      problems.push({ message: (error as Error).message, about })
    }
  }
  attempt(null, () => {
    atOnce(checkDescriptorSets(config))
    atOnce(checkCursors(config))
  })
  tryTls(config, attempt)
  for (const listener of config.listeners) {
    const message = await addressProblem(listener)
    if (message !== null) problems.push({ message, about: listener.name })
  }
  return problems
}

function tryTls(config: Config, attempt: (about: string | null, action: () => void) => void): void {
  const store = new TlsStore({
    handshakeTimeoutMs: 1,
    clock: systemClock,
    log: silentLog,
    onSecured() {},
    onFailed() {},
    stapling: NO_STAPLING,
    onPlain() {},
    onBug() {},
  })
  const plan = store.plan()
  for (const { name, tls } of config.listeners)
    if (tls !== null) attempt(tls.certificates[0]?.certFile ?? name, () => plan.listener(name, tls))
  for (const tls of upstreamTlsOf(config.servers.flatMap(({ routes }) => routes)))
    attempt(tls.certFile ?? tls.caFile, () => plan.upstream(tls))
  for (const { action } of config.tcp.servers)
    if ("tls" in action && action.tls !== null)
      attempt(action.tls.certFile ?? action.tls.caFile, () => plan.upstream(action.tls!))
  plan.abandon()
  store.close()
}

function* upstreamTlsOf(routes: readonly RouteConfig[]): Generator<UpstreamTlsConfig> {
  for (const { action, settings, routes: inner } of routes) {
    if ("tls" in action && action.tls !== null) yield action.tls
    for (const service of [settings.extAuthz, settings.rateService])
      if (service !== null && service.tls !== null) yield service.tls
    yield* upstreamTlsOf(inner)
  }
}
