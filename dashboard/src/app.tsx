import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks"
import { queryOf, toggled, withQuery } from "./address.ts"
import type { Api, Cluster, Endpoint } from "./api.ts"
import { BalanceStrip } from "./balance-strip.tsx"
import { Configuration, useConfiguration } from "./configuration.tsx"
import { EventLane } from "./event-lane.tsx"
import { duration, rate, whole } from "./format.ts"
import { Histogram } from "./histograms.tsx"
import { useChanges, useLook, useMedia } from "./hooks.ts"
import { Logo, ThemeIcon } from "./icons.tsx"
import { Limits } from "./limits.tsx"
import type { LiveStreams } from "./live-streams.ts"
import type { Plots as PlotsOfAll } from "./plots.tsx"
import { useLanguage, useTheme } from "./preferences.ts"
import { River } from "./river.tsx"
import { useSinceOpened } from "./since-opened.ts"
import { STALE_MS, type Store } from "./store.ts"
import { StreamDetailPanel } from "./stream-detail.tsx"
import { StreamTable } from "./stream-table.tsx"
import { STRINGS, type Strings } from "./strings.ts"
import { TokenForm } from "./token-form.tsx"

const RIVER_PX = 260

export function App({ api, store, streams }: { api: Api; store: Store; streams: LiveStreams }) {
  const [language, switchLanguage] = useLanguage()
  const [theme, nextTheme] = useTheme()
  const isDark = useMedia("(prefers-color-scheme: dark)")
  useChanges(store)
  const isStale = useLook(() => store.picture !== null && ageOf(store) > STALE_MS)
  const strings = STRINGS[language]
  const { picture, problem } = store
  const [opened, setOpened] = useState<string | null>(null)
  const [said, setSaid] = useState<string | null>(null)
  const configuration = useConfiguration(api, picture?.status ?? null)
  const counts = useSinceOpened(store)

  const onQuery = useCallback(
    (filter: string, sort: string) => {
      history.replaceState(null, "", withQuery(new URL(location.href), { filter, sort }))
      streams.ask({ filter, sort })
    },
    [streams],
  )
  useEffect(() => {
    const onBack = () => streams.ask(queryOf(new URL(location.href)))
    addEventListener("popstate", onBack)
    return () => removeEventListener("popstate", onBack)
  }, [streams])
  useShortcuts()
  const onOrder = (cluster: Cluster, endpoint: Endpoint, order: "drain" | "resume") => {
    const path = `./clusters/${encodeURIComponent(cluster.name)}/endpoints/${encodeURIComponent(endpoint.address)}/${order}`
    void api.order(path).then(
      ({ message }) => setSaid(message),
      (error: Error) => setSaid(error.message),
    )
    void store.refresh()
  }

  // It changes by lists of its own: not each time that the rest does.
  const table = useMemo(
    () => <StreamTable {...{ streams, strings, opened, onQuery }} onOpen={setOpened} />,
    [streams, strings, opened, onQuery],
  )
  const Plots = usePlots()

  if (problem?.status === 401) return <TokenForm api={api} store={store} strings={strings} />
  const colors = `${theme} ${isDark}`
  // The axis goes on by Sluice's clock, and stands where contact was lost.
  const axisMs = picture?.status.atMs ?? Date.now()
  return (
    <>
      <a class="skip" href="#streams">
        {strings.skip}
      </a>
      <header class="bar">
        <h1>
          <Logo />
          Sluice
        </h1>
        {picture !== null && (
          <p class="quiet about">
            {picture.status.version} · {strings[picture.status.state]} ·{" "}
            {strings.up(duration(picture.status.uptimeMs))}
          </p>
        )}
        <Contact store={store} isStale={isStale} strings={strings} />
        <div class="bar-actions">
          <button
            type="button"
            class="plain"
            title={strings.language}
            aria-label={strings.language}
            onClick={switchLanguage}
          >
            {strings.languageShort}
          </button>
          <button
            type="button"
            class="plain"
            title={strings.theme[theme]}
            aria-label={strings.theme[theme]}
            onClick={nextTheme}
          >
            {ThemeIcon[theme]()}
          </button>
        </div>
      </header>
      <main class={isStale ? "stale" : ""}>
        {said !== null && (
          <p class="hint" role="status">
            {said}
          </p>
        )}
        <Partial streams={streams} strings={strings} />
        <Totals store={store} lost={counts.lost} strings={strings} />
        <section class="card balance" aria-label={strings.balance.title}>
          <div class="card-head">
            <h2>{strings.balance.title}</h2>
            <span class="quiet">{strings.balance.hint}</span>
          </div>
          <BalanceStrip
            clusters={picture?.clusters ?? []}
            strings={strings}
            actions={{
              onShow: ({ address }) =>
                onQuery(toggled(streams.query.filter, `endpoint:${address}`), streams.query.sort),
              onOrder,
            }}
          />
        </section>
        <section class="card river-card" aria-label={strings.river.title}>
          <div class="card-head">
            <h2>{strings.river.title}</h2>
            <span class="quiet">{strings.river.hint}</span>
          </div>
          <LiveRiver
            streams={streams}
            clusters={picture?.clusters ?? []}
            moved={counts.moved}
            lost={counts.lost}
            strings={strings}
            theme={colors}
            height={RIVER_PX}
          />
        </section>
        {table}
        <section class="card lane-card" aria-label={strings.lane.title}>
          <div class="card-head">
            <h2>{strings.lane.title}</h2>
            <span class="quiet">{strings.lane.hint}</span>
          </div>
          <EventLane events={store.events} nowMs={axisMs} strings={strings} />
        </section>
        <section class="plots" aria-label={strings.plots.title}>
          {Plots !== null && (
            <Plots
              history={store.history}
              events={store.events}
              strings={strings}
              theme={colors}
              nowMs={axisMs}
            />
          )}
          <Histograms streams={streams} strings={strings} />
        </section>
        {picture !== null && (
          <>
            <section class="card limits" aria-label={strings.limits.title}>
              <h2>{strings.limits.title}</h2>
              <Limits picture={picture} limits={configuration.now?.limits ?? {}} strings={strings} />
            </section>
            <section class="card config" aria-label={strings.config.title}>
              <h2>{strings.config.title}</h2>
              <Configuration
                api={api}
                status={picture.status}
                events={store.events}
                {...configuration}
                strings={strings}
              />
            </section>
          </>
        )}
      </main>
      {opened !== null && (
        <StreamDetailPanel id={opened} api={api} strings={strings} onClose={() => setOpened(null)} />
      )}
    </>
  )
}

/** The plots are below what is seen first: they and their library come after it. */
function usePlots(): typeof PlotsOfAll | null {
  const [plots, setPlots] = useState<{ of: typeof PlotsOfAll } | null>(null)
  useEffect(() => {
    // Where they do not come the page is without them.
    void import("./plots.tsx").then(({ Plots }) => setPlots({ of: Plots })).catch(() => {})
  }, [])
  return plots?.of ?? null
}

function ageOf({ heardMs }: Store): number {
  return Date.now() - heardMs
}

/** Whether what is shown is now, and if not, how old it is. */
function Contact({ store, isStale, strings }: { store: Store; isStale: boolean; strings: Strings }) {
  const words = strings.contact
  const old = useLook(() => duration(ageOf(store)))
  const text = store.picture === null ? words.never : isStale ? words.old(old) : words.live
  return (
    <p class={`contact${isStale ? " contact-lost" : ""}`} role="status">
      <span class="dot" />
      {text}
    </p>
  )
}

function Partial({ streams, strings }: { streams: LiveStreams; strings: Strings }) {
  useChanges(streams)
  return streams.overview?.isComplete === false ? <p class="hint">{strings.partial}</p> : null
}

function LiveRiver({
  streams,
  ...others
}: { streams: LiveStreams } & Omit<Parameters<typeof River>[0], "overview">) {
  useChanges(streams)
  return <River overview={streams.overview} {...others} />
}

function Histograms({ streams, strings }: { streams: LiveStreams; strings: Strings }) {
  useChanges(streams)
  const { ages, idles } = streams.overview ?? { ages: [], idles: [] }
  return (
    <>
      <Histogram title={strings.histograms.age} counts={ages} strings={strings} />
      <Histogram title={strings.histograms.idle} counts={idles} strings={strings} />
    </>
  )
}

function Totals({ store, lost, strings }: { store: Store; lost: number; strings: Strings }) {
  const { history } = store
  const last = (...names: ("live" | "opened" | "toEndpoint" | "toClient")[]): number | null => {
    const values = names.map((name) => history.column(name).at(-1))
    return values.some((value) => value == null)
      ? null
      : values.reduce<number>((sum, value) => sum + value!, 0)
  }
  const words = strings.totals
  const figures: [string, string, string?][] = [
    [words.live, told(last("live"), whole)],
    [words.opened, told(last("opened"), rate)],
    [words.messages, told(last("toEndpoint", "toClient"), rate)],
    [words.lost, whole(lost), strings.lostHint],
  ]
  return (
    <dl class="totals">
      {figures.map(([name, value, hint]) => (
        <div key={name} title={hint}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function told(value: number | null, format: (value: number) => string): string {
  return value === null ? "–" : format(value)
}

/** `/` goes to the filter. */
function useShortcuts(): void {
  const isBound = useRef(false)
  useEffect(() => {
    if (isBound.current) return
    isBound.current = true
    addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.target instanceof HTMLInputElement) return
      document.querySelector<HTMLInputElement>("#filter")?.focus()
      event.preventDefault()
    })
  }, [])
}
