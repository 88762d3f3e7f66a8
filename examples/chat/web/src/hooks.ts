import { useEffect, useState } from "preact/hooks"
import type { Conversation, ConversationState } from "./conversation.ts"

/** The conversation's present state; renders again on each change. */
export function useConversation(conversation: Conversation): ConversationState {
  const [state, setState] = useState(conversation.state)
  useEffect(() => {
    setState(conversation.state)
    return conversation.subscribe(() => setState(conversation.state))
  }, [conversation])
  return state
}

/** The time, again every second while `ticking`. Milliseconds since 1970. */
export function useNow(ticking: boolean): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!ticking) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [ticking])
  return now
}
