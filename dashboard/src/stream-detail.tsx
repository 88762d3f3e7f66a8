import { useEffect, useRef, useState } from "preact/hooks"
import { type Api, ApiError, type OrderAnswer, type StreamDetail } from "./api.ts"
import { bytes, clock, duration, whole } from "./format.ts"
import { grpcurl } from "./grpcurl.ts"
import { CloseIcon } from "./icons.tsx"
import type { Strings } from "./strings.ts"

const EVERY_MS = 1000

/** Statuses that an order may end a stream with, by gRPC's numbers. OK is none of them: nothing says that it was. */
const STATUSES = [
  [14, "UNAVAILABLE"],
  [1, "CANCELLED"],
  [4, "DEADLINE_EXCEEDED"],
  [7, "PERMISSION_DENIED"],
  [8, "RESOURCE_EXHAUSTED"],
  [10, "ABORTED"],
  [16, "UNAUTHENTICATED"],
] as const

/** One stream: its head, what has happened to it, and what can be done with it. */
export function StreamDetailPanel(props: { id: string; api: Api; strings: Strings; onClose(): void }) {
  const { id, api, strings, onClose } = props
  const { detail, isGone, problem } = useDetail(id, api)
  const words = strings.detail
  const panel = useRef<HTMLElement>(null)
  useEffect(() => panel.current?.focus(), [id])
  // Wherever the keyboard is: a button that was pressed may be gone, and the focus with it.
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => event.key === "Escape" && onClose()
    document.addEventListener("keydown", onKeyDown)
    return () => document.removeEventListener("keydown", onKeyDown)
  }, [onClose])
  return (
    <aside class="detail" ref={panel} tabIndex={-1} aria-label={id}>
      <header>
        <h2>{detail?.path ?? id}</h2>
        <button type="button" class="plain" aria-label={words.close} title={words.close} onClick={onClose}>
          <CloseIcon />
        </button>
      </header>
      {isGone && <p class="hint">{words.gone}</p>}
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {detail !== null && (
        <>
          {!isGone && <Orders id={id} api={api} strings={strings} />}
          <Copies detail={detail} strings={strings} />
          <Facts detail={detail} strings={strings} />
          <h3>{words.timeline}</h3>
          <ol class="timeline">
            {detail.timeline.map(({ atMs, what, endpoint }, index) => (
              <li key={index}>
                <time>{duration(atMs)}</time>
                <span>{endpoint === "" ? what : `${what} · ${endpoint}`}</span>
              </li>
            ))}
          </ol>
          <Headers title={words.head} headers={detail.requestHeaders} />
          {detail.responseHeaders !== null && (
            <Headers title={words.answerHead} headers={detail.responseHeaders} />
          )}
        </>
      )}
    </aside>
  )
}

/** What is known of a stream, again every second while it lives. */
function useDetail(id: string, api: Api) {
  const [detail, setDetail] = useState<StreamDetail | null>(null)
  const [isGone, setGone] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  useEffect(() => {
    let isOver = false
    let timer: ReturnType<typeof setTimeout>
    setDetail(null)
    setGone(false)
    setProblem(null)
    const read = async () => {
      try {
        const next = await api.json<StreamDetail>(`./streams/${encodeURIComponent(id)}`)
        if (isOver) return
        setDetail(next)
        setProblem(null)
      } catch (error) {
        if (isOver) return
        if (error instanceof ApiError && error.status === 404) return setGone(true)
        setProblem((error as Error).message)
      }
      timer = setTimeout(() => void read(), EVERY_MS)
    }
    void read()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [id, api])
  return { detail, isGone, problem }
}

function Orders({ id, api, strings }: { id: string; api: Api; strings: Strings }) {
  const words = strings.detail
  const [isEnding, setEnding] = useState(false)
  const [status, setStatus] = useState<number>(STATUSES[0][0])
  const [said, setSaid] = useState<string | null>(null)
  const order = async (path: string, body: object) => {
    const answer = await api
      .order(`./streams/${encodeURIComponent(id)}/${path}`, body)
      .catch((error: Error): OrderAnswer => ({ message: error.message }))
    setSaid(answer.message)
  }
  return (
    <div class="orders">
      {isEnding ? (
        <form
          class="end-form"
          onSubmit={(event) => {
            event.preventDefault()
            setEnding(false)
            void order("end", { status })
          }}
        >
          <h3>{words.endTitle}</h3>
          <label>
            {words.status}
            <select value={status} onChange={({ currentTarget }) => setStatus(Number(currentTarget.value))}>
              {STATUSES.map(([code, name]) => (
                <option key={code} value={code}>{`${code} ${name}`}</option>
              ))}
            </select>
          </label>
          <button type="submit" class="danger">
            {words.confirm}
          </button>
          <button type="button" onClick={() => setEnding(false)}>
            {words.cancel}
          </button>
        </form>
      ) : (
        <>
          <button type="button" class="danger-quiet" onClick={() => setEnding(true)}>
            {words.end}
          </button>
          <button type="button" title={words.moveHint} onClick={() => void order("move", {})}>
            {words.move}
          </button>
        </>
      )}
      {said !== null && (
        <p class="hint" role="status">
          {said}
        </p>
      )}
    </div>
  )
}

function Copies({ detail, strings }: { detail: StreamDetail; strings: Strings }) {
  const [copied, setCopied] = useState<string | null>(null)
  const copy = (name: string, text: string) =>
    void navigator.clipboard.writeText(text).then(
      () => setCopied(name),
      () => setCopied(null),
    )
  const button = (name: string, text: () => string) => (
    <button type="button" class="plain" onClick={() => copy(name, text())}>
      {copied === name ? strings.detail.copied : name}
    </button>
  )
  return (
    <div class="copies">
      {button(strings.detail.copyJson, () => JSON.stringify(detail, null, 2))}
      {button(strings.detail.copyGrpcurl, () => grpcurl(detail))}
    </div>
  )
}

function Facts({ detail, strings }: { detail: StreamDetail; strings: Strings }) {
  const { columns, waits } = strings.streams
  const words = strings.detail
  const facts: [string, string][] = [
    [columns.endpoint, detail.endpoint || strings.streams.noEndpoint],
    [columns.client, detail.client],
    [columns.age, duration(detail.ageMs)],
    [columns.idle, duration(detail.idleMs)],
    [columns.messages, `↑ ${whole(detail.requestMessages)}  ↓ ${whole(detail.responseMessages)}`],
    [columns.bytes, `↑ ${bytes(detail.requestBytes)}  ↓ ${bytes(detail.responseBytes)}`],
    [columns.waits, detail.waitsFor === null ? words.none : waits[detail.waitsFor]],
    [words.held, bytes(detail.heldBytes)],
    [columns.legs, String(detail.legs)],
    [words.began, clock(detail.startedAtMs)],
    [words.deadline, detail.deadlineInMs === null ? words.none : duration(Math.max(0, detail.deadlineInMs))],
    [words.authority, detail.authority],
    [words.cluster, detail.cluster],
    [words.route, detail.route],
    [words.listener, detail.listener],
    [words.protocol, detail.protocol],
    [words.tls, detail.tls === null ? words.none : `${detail.tls.protocol} ${detail.tls.cipher}`],
    [words.thread, String(detail.thread)],
  ]
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Headers({ title, headers }: { title: string; headers: readonly (readonly [string, string])[] }) {
  return (
    <>
      <h3>{title}</h3>
      <dl class="headers">
        {headers.map(([name, value], index) => (
          <div key={index}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  )
}
