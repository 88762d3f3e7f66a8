import { useEffect, useState } from "preact/hooks"
import type { AdminEvent, Api, Status } from "./api.ts"
import { clock } from "./format.ts"
import { hunks, lineDiff } from "./line-diff.ts"
import type { Strings } from "./strings.ts"

/** A configuration as lines, and of which version it is. */
export interface Running {
  readonly version: number
  readonly lines: readonly string[]
  readonly limits: Readonly<Record<string, number>>
}

/** The configuration in force, and the one before it where a reload was seen. */
export function useConfiguration(
  api: Api,
  status: Status | null,
): { now: Running | null; before: Running | null } {
  const [known, setKnown] = useState<{ now: Running | null; before: Running | null }>({
    now: null,
    before: null,
  })
  const version = status?.configuration.version ?? null
  const startedAt = status?.startedAt
  useEffect(() => {
    if (version === null) return
    let isOver = false
    void api.json<{ limits?: Record<string, number> }>("./config").then(
      (config) => {
        if (isOver) return
        const lines = JSON.stringify(config, null, 2).split("\n")
        setKnown(({ now }) => ({ now: { version, lines, limits: config.limits ?? {} }, before: now }))
      },
      () => {},
    )
    return () => {
      isOver = true
    }
  }, [api, version, startedAt])
  return known
}

export function Configuration(props: {
  api: Api
  status: Status
  events: readonly AdminEvent[]
  now: Running | null
  before: Running | null
  strings: Strings
}) {
  const { api, status, events, now, before, strings } = props
  const words = strings.config
  const { file, version, loadedAt } = status.configuration
  const reload = events.findLast(({ kind }) => kind === "reload")
  const changes = reload === undefined ? null : listOf(reload.fields.changes)
  return (
    <>
      <p class="quiet">
        <code>{file ?? words.none}</code> · {words.version(version, clock(Date.parse(loadedAt)))}
      </p>
      <h3>{words.last}</h3>
      <Changes changes={changes} none={changes === null ? words.unseen : words.same} />
      {before !== null && now !== null && (
        <details>
          <summary>{words.lines}</summary>
          <Diff before={before.lines} after={now.lines} strings={strings} />
        </details>
      )}
      {file !== null && <OnDisk api={api} strings={strings} />}
      <details>
        <summary>{words.running}</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by the keyboard */}
        <pre tabIndex={0}>{now?.lines.join("\n")}</pre>
      </details>
    </>
  )
}

/** Asked when it is opened, and at no other time: the file has to be read for it. */
function OnDisk({ api, strings }: { api: Api; strings: Strings }) {
  const words = strings.config
  const [changes, setChanges] = useState<readonly string[] | null>(null)
  const read = async () => {
    try {
      const pending = await api.json<{ changes: string[]; problems: string[] }>("./config/diff")
      setChanges([...pending.problems, ...pending.changes])
    } catch (error) {
      setChanges([(error as Error).message])
    }
  }
  return (
    <details onToggle={({ currentTarget }) => currentTarget.open && void read()}>
      <summary>{words.disk}</summary>
      {changes !== null && <Changes changes={changes} none={words.same} />}
    </details>
  )
}

function Changes({ changes, none }: { changes: readonly string[] | null; none: string }) {
  if (changes === null || changes.length === 0) return <p class="quiet">{none}</p>
  return (
    <pre class="diff">
      {changes.map((line) => (
        <span
          key={line}
          class={line.startsWith("+") ? "in" : line.startsWith("-") ? "out" : ""}
        >{`${line}\n`}</span>
      ))}
    </pre>
  )
}

/** A field of an event: a list, or a line of one. */
function listOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String)
  return typeof value === "string" ? value.split(/\n|, (?=[-+~] )/) : []
}

function Diff(props: { before: readonly string[]; after: readonly string[]; strings: Strings }) {
  const lines = hunks(lineDiff(props.before, props.after))
  if (lines.length === 0) return <p class="quiet">{props.strings.config.same}</p>
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by the keyboard
    <pre class="diff" tabIndex={0}>
      {lines.map((line, index) => (
        <span
          key={index}
          class={line === null ? "gap" : line.sign === "+" ? "in" : line.sign === "-" ? "out" : ""}
        >
          {line === null ? "…\n" : `${line.sign} ${line.text}\n`}
        </span>
      ))}
    </pre>
  )
}
