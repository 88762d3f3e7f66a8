import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import { TIMEOUT_MS } from "./api.ts"
import { whole } from "./format.ts"
import { useChanges, useMedia } from "./hooks.ts"
import { type LiveStreams, ROWS_MAX } from "./live-streams.ts"
import { StreamRows } from "./stream-rows.ts"
import type { Strings } from "./strings.ts"

const ROW_PX = 34
/** On a phone a row is two lines. */
const TALL_ROW_PX = 58

/** Columns that sort, by the API's names for them. */
const SORTS = { age: "age", idle: "idle", messages: "messages", bytes: "bytes", legs: "legs" } as const
type Column = keyof Strings["streams"]["columns"]
const COLUMNS: readonly Column[] = [
  "path",
  "client",
  "endpoint",
  "age",
  "idle",
  "messages",
  "bytes",
  "waits",
  "legs",
]

const EXAMPLES = ["idle:>5m", "waits:client", "messages:>1000", "age:<10s"]

export function StreamTable(props: {
  streams: LiveStreams
  strings: Strings
  opened: string | null
  onOpen(id: string): void
  onQuery(filter: string, sort: string): void
}) {
  const { streams, strings, opened, onOpen, onQuery } = props
  useChanges(streams)
  const { overview, query, isSlow } = streams
  const words = strings.streams
  const problem = isSlow ? words.slow(TIMEOUT_MS / 1000) : streams.problem
  const rowPx = useMedia("(max-width: 700px)") ? TALL_ROW_PX : ROW_PX
  const [frame, all] = [useRef<HTMLDivElement>(null), useRef<HTMLDivElement>(null)]
  const rows = useRef<StreamRows | null>(null)
  useLayoutEffect(() => {
    const [host, content] = [frame.current!, all.current!]
    const made = new StreamRows({ frame: host, all: content, streams, strings, rowPx, onOpen })
    rows.current = made
    return () => made.stop()
  }, [streams])
  useLayoutEffect(() => rows.current!.show(strings, rowPx, opened), [strings, rowPx, opened])
  const count = overview?.count ?? 0
  const sort = query.sort.replace(/^-/, "")
  const onSort = (column: keyof typeof SORTS) => {
    const name = SORTS[column]
    onQuery(query.filter, sort === name && query.sort.startsWith("-") ? name : `-${name}`)
  }
  return (
    <section class="card streams" id="streams" aria-label={words.title}>
      <div class="card-head">
        <h2>{words.title}</h2>
        <span class="quiet numbers">
          {overview !== null && words.shown(whole(overview.matched), whole(overview.total))}
        </span>
        <Filter query={query} strings={strings} onQuery={onQuery} />
      </div>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {count === ROWS_MAX && overview!.matched > ROWS_MAX && (
        <p class="hint">{words.capped(whole(ROWS_MAX))}</p>
      )}
      {/* biome-ignore lint/a11y/useSemanticElements: rows that are not drawn have no elements */}
      <div class="table" role="table" aria-rowcount={count + 1} aria-label={words.title}>
        {/* biome-ignore lint/a11y/useSemanticElements: as above */}
        {/* biome-ignore lint/a11y/useFocusableInteractive: its buttons are */}
        <div class="row row-head" role="row" aria-rowindex={1}>
          {COLUMNS.map((column) => (
            <ColumnHead
              key={column}
              column={column}
              name={words.columns[column]}
              sort={query.sort}
              onSort={column in SORTS ? () => onSort(column as keyof typeof SORTS) : null}
            />
          ))}
        </div>
        {/* biome-ignore lint/a11y/useSemanticElements: as above */}
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by the keyboard */}
        <div class="rows" role="rowgroup" ref={frame} tabIndex={0}>
          <div class="rows-all" ref={all} />
          {overview !== null && count === 0 && (
            <p class="empty">{query.filter.trim() === "" ? words.empty : words.emptyFilter}</p>
          )}
        </div>
      </div>
    </section>
  )
}

function ColumnHead(props: { column: Column; name: string; sort: string; onSort: (() => void) | null }) {
  const { column, name, sort, onSort } = props
  const isSorted = sort.replace(/^-/, "") === column
  const isDown = sort.startsWith("-")
  return (
    // biome-ignore lint/a11y/useSemanticElements: the table is no table element
    // biome-ignore lint/a11y/useFocusableInteractive: its button is
    <span
      role="columnheader"
      class={`cell cell-${column}`}
      aria-sort={isSorted ? (isDown ? "descending" : "ascending") : "none"}
    >
      {onSort === null ? (
        name
      ) : (
        <button type="button" class="sort" onClick={onSort}>
          {name}
          <span aria-hidden="true">{isSorted ? (isDown ? " ↓" : " ↑") : ""}</span>
        </button>
      )}
    </span>
  )
}

function Filter(props: {
  query: { filter: string; sort: string }
  strings: Strings
  onQuery(filter: string, sort: string): void
}) {
  const { query, strings, onQuery } = props
  const [text, setText] = useState(query.filter)
  const timer = useRef(0)
  useEffect(() => setText(query.filter), [query.filter])
  const say = (next: string, afterMs: number) => {
    setText(next)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => onQuery(next.trim(), query.sort), afterMs) as unknown as number
  }
  return (
    <search class="filter">
      <input
        type="search"
        id="filter"
        value={text}
        placeholder={strings.streams.placeholder}
        aria-label={strings.streams.filter}
        list="filter-examples"
        spellcheck={false}
        autocomplete="off"
        onInput={({ currentTarget }) => say(currentTarget.value, 200)}
        onKeyDown={(event) => {
          if (event.key === "Enter") say(event.currentTarget.value, 0)
          if (event.key === "Escape") say("", 0)
        }}
      />
      <datalist id="filter-examples">
        {EXAMPLES.map((example) => (
          <option key={example} value={example} />
        ))}
      </datalist>
      {text !== "" && (
        <button type="button" class="plain" onClick={() => say("", 0)}>
          {strings.streams.clear}
        </button>
      )}
    </search>
  )
}
