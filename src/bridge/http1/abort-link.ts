import type { Link } from "../../net/link.ts"

/** Closes so that the peer cannot take what it has for the whole, then calls `end`. What this turn wrote leaves before that. */
export function abortLink(link: Link, end: () => void): void {
  link.flush()
  setImmediate(() => {
    if (!link.socket.destroyed) {
      link.flush()
      link.reset()
    }
    end()
  })
}
