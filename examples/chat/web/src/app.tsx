import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import { CloseIcon, Logo, ThemeIcon } from "../../../../dashboard/src/icons.tsx"
import { useLanguage, useTheme } from "../../../../dashboard/src/preferences.ts"
import { BalancerPanel } from "./balancer-panel.tsx"
import type { Conversation } from "./conversation.ts"
import { ConversationPanel } from "./conversation-panel.tsx"
import { useConversation } from "./hooks.ts"
import { PlusIcon } from "./icons.tsx"
import type { LiveBalancer } from "./live-balancer.ts"
import { STRINGS, type Strings } from "./strings.ts"

interface Tab {
  number: number
  conversation: Conversation
  dispose: () => void
}

/** A conversation, and how it is let go of. */
export type StartConversation = () => Omit<Tab, "number">

/** Side by side, more would be too narrow to read. */
const MOST_CONVERSATIONS = 6
/** Two from the start, so that both servers are met. */
const FIRST_CONVERSATIONS = 2

export function App(props: {
  startConversation: StartConversation
  /** Null: there is nothing to show beside the chats. */
  balancer: LiveBalancer | null
  dashboardUrl: string | null
}) {
  const { startConversation, balancer, dashboardUrl } = props
  const [language, switchLanguage] = useLanguage()
  const [theme, nextTheme] = useTheme()
  const strings = STRINGS[language]
  const { tabs, active, activate, open, close } = useTabs(startConversation)
  useShortcuts(tabs, active, activate, open)
  const Theme = ThemeIcon[theme]

  return (
    <>
      <header class="bar">
        <h1>
          <Logo />
          Sluice <span class="bar-title">{strings.title}</span>
        </h1>
        <p class="tagline">{strings.tagline}</p>
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
            <Theme />
          </button>
          <button
            type="button"
            class="primary"
            aria-label={strings.newConversation}
            onClick={open}
            disabled={tabs.length >= MOST_CONVERSATIONS}
          >
            <PlusIcon />
            <span>{strings.newConversation}</span>
          </button>
        </div>
      </header>
      <nav aria-label={strings.conversation}>
        <div class="tabs" role="tablist">
          {tabs.map((tab) => (
            <TabButton
              key={tab.number}
              tab={tab}
              selected={tab.number === active}
              onSelect={activate}
              strings={strings}
            />
          ))}
        </div>
      </nav>
      <div class="stage">
        <main class="panels">
          {tabs.map((tab) => (
            <ConversationPanel
              key={tab.number}
              number={tab.number}
              conversation={tab.conversation}
              active={tab.number === active}
              onActivate={() => activate(tab.number)}
              strings={strings}
              language={language}
              closeButton={
                tabs.length > 1 && (
                  <button
                    type="button"
                    class="plain"
                    title={strings.closeConversation}
                    aria-label={strings.closeConversation}
                    onClick={() => close(tab)}
                  >
                    <CloseIcon />
                  </button>
                )
              }
            />
          ))}
        </main>
        {balancer !== null && dashboardUrl !== null && (
          <BalancerPanel
            balancer={balancer}
            dashboardUrl={dashboardUrl}
            lost={tabs.filter(({ conversation }) => conversation.state.phase.kind === "waiting").length}
            language={language}
            strings={strings}
            theme={theme}
          />
        )}
      </div>
      <footer class="keys">{strings.keys}</footer>
    </>
  )
}

/** Shown on narrow screens, where one conversation fills the page. */
function TabButton(props: {
  tab: Tab
  selected: boolean
  onSelect: (number: number) => void
  strings: Strings
}) {
  const { tab, selected, onSelect, strings } = props
  const { phase, server } = useConversation(tab.conversation)
  const button = useRef<HTMLButtonElement>(null)
  // A server's name makes its tab wider, and may push the selected one out of view.
  useLayoutEffect(() => {
    const chosen = button.current?.parentElement?.querySelector("[aria-selected=true]")
    chosen?.scrollIntoView({ block: "nearest", inline: "nearest" })
  }, [selected, server])
  return (
    <button
      ref={button}
      type="button"
      role="tab"
      aria-selected={selected}
      aria-controls={`panel-${tab.number}`}
      onClick={() => onSelect(tab.number)}
    >
      <span class={`dot dot-${phase.kind}`} />
      {strings.conversation} {tab.number}
      {server !== null && <span class="tab-server">{server}</span>}
    </button>
  )
}

function useTabs(startConversation: StartConversation) {
  const [tabs, setTabs] = useState<Tab[]>(() =>
    Array.from({ length: FIRST_CONVERSATIONS }, (_, index) => ({
      number: index + 1,
      ...startConversation(),
    })),
  )
  const [active, activate] = useState(1)
  const open = () => {
    if (tabs.length >= MOST_CONVERSATIONS) return
    const number = Math.max(...tabs.map((tab) => tab.number)) + 1
    setTabs([...tabs, { number, ...startConversation() }])
    activate(number)
  }
  const close = (tab: Tab) => {
    const left = tabs.filter((other) => other !== tab)
    tab.conversation.dispose()
    tab.dispose()
    setTabs(left)
    if (tab.number === active) activate(left.at(-1)!.number)
  }
  useEffect(() => {
    const onOnline = () => {
      for (const { conversation } of tabs)
        if (conversation.state.phase.kind === "waiting") conversation.restart()
    }
    addEventListener("online", onOnline)
    return () => removeEventListener("online", onOnline)
  }, [tabs])
  return { tabs, active, activate, open, close }
}

/** Alt+N opens a conversation; Alt+[ and Alt+] go to the neighbour. Alt+← is the browser's own. */
function useShortcuts(
  tabs: Tab[],
  active: number,
  activate: (number: number) => void,
  open: () => void,
): void {
  useLayoutEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (!event.altKey || event.ctrlKey || event.metaKey) return
      const step = { BracketLeft: -1, BracketRight: 1 }[event.code]
      if (event.code === "KeyN") open()
      else if (step !== undefined) {
        const index = tabs.findIndex((tab) => tab.number === active)
        activate(tabs[(index + step + tabs.length) % tabs.length]!.number)
      } else return
      event.preventDefault()
    }
    addEventListener("keydown", onKeyDown)
    return () => removeEventListener("keydown", onKeyDown)
  })
}
