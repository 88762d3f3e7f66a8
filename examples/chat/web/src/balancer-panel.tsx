import { useEffect, useState } from "preact/hooks"
import { BalanceStrip } from "../../../../dashboard/src/balance-strip.tsx"
import { useMedia } from "../../../../dashboard/src/hooks.ts"
import { River } from "../../../../dashboard/src/river.tsx"
import { STRINGS as DASHBOARD_STRINGS } from "../../../../dashboard/src/strings.ts"
import "../../../../dashboard/src/balance.css"
import type { Language } from "../../../../dashboard/src/preferences.ts"
import type { LiveBalancer } from "./live-balancer.ts"
import type { Strings } from "./strings.ts"

const RIVER_PX = 300
/** Where the panel lies above the chats. */
const LOW_RIVER_PX = 170

/** What Sluice does with the chats beside it, and a way to see it do more. */
export function BalancerPanel(props: {
  balancer: LiveBalancer
  dashboardUrl: string
  /** Conversations whose stream broke. */
  lost: number
  language: Language
  strings: Strings
  theme: string
}) {
  const { balancer, dashboardUrl, lost, language, strings, theme } = props
  const [, render] = useState(0)
  useEffect(() => balancer.subscribe(() => render((count) => count + 1)), [balancer])
  const riverPx = useMedia("(max-width: 1100px)") ? LOW_RIVER_PX : RIVER_PX
  const { live } = balancer
  if (live === null) return null
  const named = live.clusters.map((cluster) => ({
    ...cluster,
    endpoints: cluster.endpoints.map((endpoint) => ({
      ...endpoint,
      address: strings.serverNamed(endpoint.address),
    })),
  }))
  const { threads } = live.overview
  const overview = {
    ...live.overview,
    threads: {
      ...threads,
      endpointNames: threads.endpointNames.map((name) => (name === "" ? "" : strings.serverNamed(name))),
    },
  }
  return (
    <aside class="balancer" aria-label={strings.balancer}>
      <header>
        <h2>{strings.balancer}</h2>
        <span class="quiet">{strings.balancerHint}</span>
        <a href={dashboardUrl}>{strings.dashboard}</a>
      </header>
      <BalanceStrip clusters={named} strings={DASHBOARD_STRINGS[language]} actions={null} />
      <div class="switches">
        {live.servers.map(({ name, isRunning }) => (
          <button
            key={name}
            type="button"
            class={isRunning ? "kill" : ""}
            onClick={() => void balancer.order(name, isRunning ? "kill" : "start")}
          >
            {isRunning ? strings.kill(name) : strings.start(name)}
          </button>
        ))}
      </div>
      <River
        overview={overview}
        clusters={named}
        moved={live.moved}
        lost={lost}
        strings={DASHBOARD_STRINGS[language]}
        theme={theme}
        height={riverPx}
      />
    </aside>
  )
}
