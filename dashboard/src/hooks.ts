import { useEffect, useRef, useState } from "preact/hooks"
import { frames } from "./frame-queue.ts"
import type { LiveStreams } from "./live-streams.ts"
import type { Store } from "./store.ts"

/** Renders again, within a frame to come, after `source` has changed. */
export function useChanges(source: Store | LiveStreams): void {
  const [, render] = useState(0)
  useEffect(() => {
    const key = {}
    const post = () => frames.post(key, () => render((count) => count + 1))
    const unsubscribe = source.subscribe(post)
    // What came between its being drawn and this.
    post()
    return () => {
      unsubscribe()
      frames.drop(key)
    }
  }, [source])
}

/** Renders again where `look` finds another value, half a second after it has changed at most. */
export function useLook<T extends string | number | boolean | null>(look: () => T): T {
  const [value, setValue] = useState(look)
  const latest = useRef(look)
  latest.current = look
  useEffect(() => {
    const timer = setInterval(() => setValue(latest.current()), 500)
    return () => clearInterval(timer)
  }, [])
  return value
}

export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches)
  useEffect(() => {
    const media = matchMedia(query)
    const onChange = () => setMatches(media.matches)
    onChange()
    media.addEventListener("change", onChange)
    return () => media.removeEventListener("change", onChange)
  }, [query])
  return matches
}
