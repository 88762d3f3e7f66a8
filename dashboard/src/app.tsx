import { useEffect, useRef, useState } from "preact/hooks"
import { queryOf, toggled, withQuery } from "./address.ts"
import type { Api, Cluster, Endpoint } from "./api.ts"
import { BalanceStrip } from "./balance-strip.tsx"
import { Configuration, useConfiguration } from "./configuration.tsx"
import { EventLane } from "./event-lane.tsx"
import { duration, rate, whole } from "./format.ts"
import { Histogram } from "./histograms.tsx"
import { useChanges, useMedia, useNow } from "./hooks.ts"
import { Logo, ThemeIcon } from "./icons.tsx"
import { Limits } from "./limits.tsx"
import type { LiveStreams } from "./live-streams.ts"
import { Plots } from "./plots.tsx"
import { useLanguage, useTheme } from "./preferences.ts"
import { River } from "./river.tsx"
import { useSinceOpened } from "./since-opened.ts"
import { STALE_MS, type Store } from "./store.ts"
import { StreamDetailPanel } from "./stream-detail.tsx"
import { StreamTable } from "./stream-table.tsx"
import { STRINGS, type Strings } from "./strings.ts"

const RIVER_PX = 260

export function App({ api, store, streams }: { api: Api; store: Store; streams: LiveStreams }) {
  const [language, switchLanguage] = useLanguage()
  const [theme, nextTheme] = useTheme()
  const isDark = useMedia("(prefers-color-scheme: dark)")
  useChanges(store)
  useChanges(streams)
  const nowMs = useNow()
  const strings = STRINGS[language]
  const { picture, heardMs, problem } = store
  const [opened, setOpened] = useState<string | null>(null)
  const [said, setSaid] = useState<string | null>(null)
  const configuration = useConfiguration(api, picture?.status ?? null)
  const counts = useSinceOpened(store)

  const onQuery = (filter: string, sort: string) => {
    history.replaceState(null, "", withQuery(new URL(location.href), { filter, sort }))
    streams.ask({ filter, sort })
  }
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

  if (problem?.status === 401) return <TokenForm api={api} store={store} strings={strings} />
  const ageMs = nowMs - heardMs
  const isStale = picture !== null && ageMs > STALE_MS
  const colors = `${theme} ${isDark}`
  // The axis goes on by Sluice's clock, and stands where contact was lost.
  const axisMs = picture?.status.atMs ?? nowMs
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
        <Contact ageMs={picture === null ? null : ageMs} isStale={isStale} strings={strings} />
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
        {streams.overview?.isComplete === false && <p class="hint">{strings.partial}</p>}
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
          <River
            overview={streams.overview}
            clusters={picture?.clusters ?? []}
            moved={counts.moved}
            lost={counts.lost}
            strings={strings}
            theme={colors}
            height={RIVER_PX}
          />
        </section>
        <StreamTable
          streams={streams}
          strings={strings}
          opened={opened}
          onOpen={setOpened}
          onQuery={onQuery}
        />
        <section class="card lane-card" aria-label={strings.lane.title}>
          <div class="card-head">
            <h2>{strings.lane.title}</h2>
            <span class="quiet">{strings.lane.hint}</span>
          </div>
          <EventLane events={store.events} nowMs={axisMs} strings={strings} />
        </section>
        <section class="plots" aria-label={strings.plots.title}>
          <Plots
            history={store.history}
            events={store.events}
            strings={strings}
            theme={colors}
            nowMs={axisMs}
          />
          <Histogram title={strings.histograms.age} counts={streams.overview?.ages ?? []} strings={strings} />
          <Histogram
            title={strings.histograms.idle}
            counts={streams.overview?.idles ?? []}
            strings={strings}
          />
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

/** Whether what is shown is now, and if not, how old it is. */
function Contact(props: { ageMs: number | null; isStale: boolean; strings: Strings }) {
  const { ageMs, isStale, strings } = props
  const words = strings.contact
  const text = ageMs === null ? words.never : isStale ? words.old(duration(ageMs)) : words.live
  return (
    <p class={`contact${isStale ? " contact-lost" : ""}`} role="status">
      <span class="dot" />
      {text}
    </p>
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

function TokenForm({ api, store, strings }: { api: Api; store: Store; strings: Strings }) {
  const [text, setText] = useState("")
  const words = strings.token
  return (
    <form
      class="card token"
      onSubmit={(event) => {
        event.preventDefault()
        api.token = text.trim()
        void store.refresh()
      }}
    >
      <h1>
        <Logo />
        Sluice
      </h1>
      <p>{words.title}</p>
      {api.token !== null && (
        <p class="problem" role="alert">
          {words.wrong}
        </p>
      )}
      <label>
        {words.label}
        <input
          type="password"
          autocomplete="current-password"
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary">
        {words.enter}
      </button>
    </form>
  )
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
