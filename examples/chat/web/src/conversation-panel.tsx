import type { ComponentChildren } from "preact"
import { useLayoutEffect, useRef } from "preact/hooks"
import type { Language } from "../../../../dashboard/src/preferences.ts"
import { Composer } from "./composer.tsx"
import type { Conversation, ConversationState } from "./conversation.ts"
import { EntryList } from "./entry-list.tsx"
import { useConversation, useNow } from "./hooks.ts"
import { serverStyle } from "./server-color.ts"
import type { Strings } from "./strings.ts"

export interface ConversationPanelProps {
  number: number
  conversation: Conversation
  /** The one that is shown on a narrow screen, and that has the keyboard. */
  active: boolean
  onActivate: () => void
  strings: Strings
  language: Language
  closeButton: ComponentChildren
}

export function ConversationPanel(props: ConversationPanelProps) {
  const { number, conversation, active, onActivate, strings, language, closeButton } = props
  const state = useConversation(conversation)
  const { phase, server } = state
  const input = useRef<HTMLTextAreaElement>(null)
  const panel = useRef<HTMLElement>(null)
  const quietMs = useQuietMs(state)
  // Before the next key arrives, not after the next paint.
  useLayoutEffect(() => {
    if (!active) return
    input.current?.focus({ preventScroll: true })
    panel.current?.scrollIntoView({ block: "nearest", inline: "nearest" })
  }, [active])

  return (
    <section
      ref={panel}
      id={`panel-${number}`}
      class={`panel ${active ? "panel-active" : ""}`}
      style={serverStyle(server)}
      aria-label={`${strings.conversation} ${number}`}
      onFocusIn={onActivate}
    >
      <header class="panel-head">
        <span class={`dot dot-${phase.kind}`} />
        <div class="panel-title">
          <h2>
            {strings.conversation} {number}
            {server !== null && <span class="server-name">{server}</span>}
          </h2>
          <p class="panel-state" role="status">
            <PhaseLine state={state} quietMs={quietMs} strings={strings} />
          </p>
        </div>
        {phase.kind === "open" && (
          <button type="button" title={strings.halfCloseHint} onClick={() => conversation.halfClose()}>
            {strings.halfClose}
          </button>
        )}
        {(phase.kind === "waiting" || phase.kind === "ended") && (
          <button
            type="button"
            class="primary"
            onClick={() => {
              conversation.restart()
              // The button goes away, and the focus with it.
              input.current?.focus({ preventScroll: true })
            }}
          >
            {phase.kind === "waiting" ? strings.retryNow : strings.startAgain}
          </button>
        )}
        {closeButton}
      </header>
      <EntryList
        entries={state.entries}
        banner={quietMs >= NGINX_CUT_MS ? strings.quietLong : null}
        strings={strings}
        language={language}
      />
      <Composer
        conversation={conversation}
        open={phase.kind === "open"}
        active={active}
        input={input}
        strings={strings}
      />
    </section>
  )
}

/** After this, nginx with its defaults would have cut the stream. */
const NGINX_CUT_MS = 60_000
const QUIET_SHOWN_MS = 10_000

/** How long no message has gone either way on a live stream; 0 without one. */
function useQuietMs({ phase, lastActivityMs }: ConversationState): number {
  const live = phase.kind === "open" || phase.kind === "halfClosed"
  const now = useNow(live)
  return live ? Math.max(0, now - lastActivityMs) : 0
}

interface PhaseLineProps {
  state: ConversationState
  quietMs: number
  strings: Strings
}

/** The phase in words, how long nothing was said, or when the next attempt comes. */
function PhaseLine({ state, quietMs, strings }: PhaseLineProps) {
  const { phase } = state
  const now = useNow(phase.kind === "waiting")
  return (
    <>
      {strings.phase[phase.kind]}
      {phase.kind === "waiting" && (
        <span> · {strings.retryIn(Math.max(0, Math.ceil((phase.retryAtMs - now) / 1000)))}</span>
      )}
      {quietMs >= QUIET_SHOWN_MS && (
        <span class="quiet" aria-hidden="true">
          {" · "}
          {strings.quiet(duration(quietMs))}
        </span>
      )}
    </>
  )
}

/** `0:42`, `12:05`, `1:02:03`. */
function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  const shown = parts[0] === 0 ? parts.slice(1) : parts
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, "0"))).join(":")
}
