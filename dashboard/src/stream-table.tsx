import type { ComponentChildren } from "preact"
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import type { Stream } from "./api.ts"
import { bytes, duration, short, whole } from "./format.ts"
import { useMedia } from "./hooks.ts"
import { type LiveStreams, ROWS_MAX } from "./live-streams.ts"
import type { Strings } from "./strings.ts"

const ROW_PX = 34
/** On a phone a row is two lines. */
const TALL_ROW_PX = 58
/** Rows drawn above and below what is seen, and rows asked for beyond them. */
const OVERSCAN = 12
const AHEAD = 300

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
  const { overview, query, problem } = streams
  const words = strings.streams
  const rowPx = useMedia("(max-width: 700px)") ? TALL_ROW_PX : ROW_PX
  const view = useView(streams, rowPx)
  const count = overview?.count ?? 0
  const sort = query.sort.replace(/^-/, "")
  const onSort = (column: keyof typeof SORTS) => {
    const name = SORTS[column]
    onQuery(query.filter, sort === name && query.sort.startsWith("-") ? name : `-${name}`)
  }
  const visible = Array.from({ length: view.to - view.from }, (_, index) => view.from + index)
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
        <div class="rows" role="rowgroup" ref={view.frame} onScroll={view.onScroll} tabIndex={0}>
          <div class="rows-all" style={{ height: `${count * rowPx}px` }}>
            {visible.map((index) => (
              <Row
                key={index % (view.to - view.from + 1)}
                index={index}
                top={index * rowPx}
                stream={streams.row(index)}
                strings={strings}
                isOpen={opened !== null && streams.row(index)?.id === opened}
                onOpen={onOpen}
              />
            ))}
          </div>
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

function Row(props: {
  index: number
  top: number
  stream: Stream | null
  strings: Strings
  isOpen: boolean
  onOpen(id: string): void
}) {
  const { index, top, stream, strings, isOpen, onOpen } = props
  const style = { transform: `translateY(${top}px)` }
  if (stream === null) return <div class="row row-coming" style={style} aria-hidden="true" />
  const [service, method] = splitPath(stream.path)
  const open = () => onOpen(stream.id)
  return (
    // biome-ignore lint/a11y/useSemanticElements: the table is no table element
    <div
      class={`row${isOpen ? " row-open" : ""}`}
      role="row"
      tabIndex={0}
      aria-rowindex={index + 2}
      data-id={stream.id}
      style={style}
      onClick={open}
      onKeyDown={(event) => {
        const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" } as const
        if (event.key === "Enter") open()
        else if (event.key in step) {
          const next = event.currentTarget[step[event.key as keyof typeof step]] as HTMLElement | null
          next?.focus()
        } else return
        event.preventDefault()
      }}
    >
      <Cell name="path">
        <span class="quiet service">{service}</span>
        <b>{method}</b>
      </Cell>
      <Cell name="client">{stream.client}</Cell>
      <Cell name="endpoint">{stream.endpoint === "" ? strings.streams.noEndpoint : stream.endpoint}</Cell>
      <Cell name="age">{duration(stream.ageMs)}</Cell>
      <Cell name="idle">{duration(stream.idleMs)}</Cell>
      <Cell name="messages">
        <Both up={short(stream.requestMessages)} down={short(stream.responseMessages)} />
      </Cell>
      <Cell name="bytes">
        <Both up={bytes(stream.requestBytes)} down={bytes(stream.responseBytes)} />
      </Cell>
      <Cell name="waits">
        {stream.waitsFor !== null && <span class="waits">{strings.streams.waits[stream.waitsFor]}</span>}
      </Cell>
      <Cell name="legs">{stream.legs > 1 || stream.resumes > 0 ? stream.legs : ""}</Cell>
    </div>
  )
}

function Cell({ name, children }: { name: Column; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: the table is no table element
    <span role="cell" class={`cell cell-${name}`}>
      {children}
    </span>
  )
}

/** What went to the endpoint, what came back. */
function Both({ up, down }: { up: string; down: string }) {
  return (
    <>
      <span class="up">{up}</span>
      <span class="down">{down}</span>
    </>
  )
}

/** `/chat.Chat/BidStream` as `chat.Chat/` and `BidStream`. */
function splitPath(path: string): [service: string, method: string] {
  const at = path.lastIndexOf("/") + 1
  return [path.slice(1, at), path.slice(at)]
}

/** Which rows are to be drawn. The first of them stays under the eye when rows above it come and go. */
function useView(streams: LiveStreams, rowPx: number) {
  const frame = useRef<HTMLDivElement>(null)
  const [range, setRange] = useState({ from: 0, to: 40 })
  const anchorOffset = useRef(0)
  const count = streams.overview?.count ?? 0

  const look = () => {
    const host = frame.current
    if (host === null) return
    const first = Math.floor(host.scrollTop / rowPx)
    const shown = Math.ceil(host.clientHeight / rowPx) + 1
    const from = Math.max(0, first - OVERSCAN)
    const to = Math.min(count, first + shown + OVERSCAN)
    streams.want(Math.max(0, from - AHEAD), to + AHEAD)
    // At the top the newest order is wanted; further down the row that is read.
    streams.anchor = first === 0 ? null : (streams.row(first)?.id ?? streams.anchor)
    anchorOffset.current = host.scrollTop - first * rowPx
    setRange((before) => (before.from === from && before.to === to ? before : { from, to }))
  }
  useLayoutEffect(
    () =>
      streams.subscribe((anchorIndex) => {
        const host = frame.current
        if (host !== null && anchorIndex > 0) host.scrollTop = anchorIndex * rowPx + anchorOffset.current
      }),
    [streams, rowPx],
  )
  useLayoutEffect(look, [count, rowPx, streams.query])
  useEffect(() => {
    const sizes = new ResizeObserver(look)
    sizes.observe(frame.current!)
    return () => sizes.disconnect()
  })
  return { ...range, to: Math.min(range.to, count), frame, onScroll: look }
}
