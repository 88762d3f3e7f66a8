import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import type { Language } from "../../../../dashboard/src/preferences.ts"
import type { Entry } from "./conversation.ts"
import { statusName } from "./frames.ts"
import { DownIcon } from "./icons.tsx"
import { serverStyle } from "./server-color.ts"
import type { Strings } from "./strings.ts"

interface EntryListProps {
  entries: readonly Entry[]
  /** Shown over the list, where it moves nothing; null: nothing. */
  banner: string | null
  strings: Strings
  language: Language
}

/** Nearer than this to the end, the list follows what arrives. */
const FOLLOW_PX = 80

/** What was said. Stays at the newest entry unless the reader has scrolled up. */
export function EntryList({ entries, banner, strings, language }: EntryListProps) {
  const list = useRef<HTMLDivElement>(null)
  const [following, setFollowing] = useState(true)
  const toEnd = () => list.current?.scrollTo({ top: list.current.scrollHeight })
  const lastSaid = entries.findLast(({ kind }) => kind === "said")?.id
  // Who says something wants to see what comes back.
  useLayoutEffect(() => setFollowing(true), [lastSaid])
  useLayoutEffect(() => {
    if (following) toEnd()
  }, [entries, following])

  // What is being typed may take room from the list.
  useEffect(() => {
    if (!following) return
    const observer = new ResizeObserver(toEnd)
    observer.observe(list.current!)
    return () => observer.disconnect()
  }, [following])

  const onScroll = () => {
    const { scrollHeight, scrollTop, clientHeight } = list.current!
    setFollowing(scrollHeight - scrollTop - clientHeight < FOLLOW_PX)
  }
  const untouched = entries.every(({ kind }) => kind === "opened")
  return (
    <div class="entries-frame">
      {banner !== null && <p class="banner">{banner}</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <div class="entries" ref={list} onScroll={onScroll} role="log" aria-live="polite" tabIndex={0}>
        {entries.map((entry, index) => (
          <EntryLine
            key={entry.id}
            entry={entry}
            joined={joins(entry, entries[index - 1])}
            strings={strings}
            language={language}
          />
        ))}
        {untouched && <p class="empty">{strings.empty}</p>}
      </div>
      {!following && (
        <button
          type="button"
          class="to-end"
          aria-label={strings.jumpToEnd}
          title={strings.jumpToEnd}
          onClick={toEnd}
        >
          <DownIcon />
        </button>
      )}
    </div>
  )
}

/** Whether the entry goes on where the one before stopped: same speaker, same moment. */
function joins(entry: Entry, before: Entry | undefined): boolean {
  return before !== undefined && entry.kind === before.kind && entry.atMs - before.atMs < 1000
}

interface EntryLineProps {
  entry: Entry
  joined: boolean
  strings: Strings
  language: Language
}

function EntryLine({ entry, joined, strings, language }: EntryLineProps) {
  const time = <Time atMs={entry.atMs} language={language} />
  if (entry.kind === "said" || entry.kind === "heard") {
    const server = entry.kind === "heard" ? entry.server : null
    const speaker = entry.kind === "said" ? strings.you : `${strings.server} ${server ?? ""}`
    return (
      <div class={`entry ${entry.kind} ${joined ? "joined" : ""}`} style={serverStyle(server)}>
        {!joined && (
          <div class="entry-head">
            {speaker} {time}
          </div>
        )}
        <div class="bubble">{entry.text}</div>
      </div>
    )
  }
  if (entry.kind === "status") {
    const { code, message } = entry.status
    return (
      <div class={`end ${code === 0 ? "end-ok" : "end-error"}`}>
        <strong>{code === 0 ? strings.ended : strings.brokenOff}</strong>
        <code>
          {statusName(code)} ({code})
        </code>
        {time}
        {message !== "" && message !== statusName(code) && <p>{message}</p>}
      </div>
    )
  }
  return (
    <div class={`note note-${entry.kind}`}>
      {noteText(entry, strings)} {time}
    </div>
  )
}

function noteText(entry: Exclude<Entry, { kind: "said" | "heard" | "status" }>, strings: Strings): string {
  switch (entry.kind) {
    case "opened":
      return strings.opened(entry.server)
    case "moved":
      return strings.moved(entry.from, entry.server)
    case "heartbeat":
      return `♥ ${strings.heartbeatSent}`
    case "halfClosed":
      return strings.halfClosedNote
    case "lost":
      return strings.lost
    case "failedAttempts":
      return strings.failedAttempts(entry.count, entry.message)
  }
}

function Time({ atMs, language }: { atMs: number; language: Language }) {
  const at = new Date(atMs)
  const text = at.toLocaleTimeString(language === "zh" ? "zh-CN" : "en-GB", { hour12: false })
  return <time dateTime={at.toISOString()}>{text}</time>
}
