import { useEffect, useState } from "preact/hooks"
import type { LiveStreams } from "./live-streams.ts"
import type { Store } from "./store.ts"

/** Renders again on each change of `source`. */
export function useChanges(source: Store | LiveStreams): void {
  const [, render] = useState(0)
  useEffect(() => source.subscribe(() => render((count) => count + 1)), [source])
}

/** This machine's time, every half a second: by it the age of what is shown is told. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [])
  return now
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
