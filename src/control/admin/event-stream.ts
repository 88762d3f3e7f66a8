import type { EventRing } from "./event-ring.ts"
import { type AdminAnswer, AdminError, type AdminRequest } from "./route.ts"
import type { AdminEvent } from "./schema.ts"

/** A comment so often: proxies end what is silent, and a browser finds out that we are gone. */
const PULSE_MS = 15_000

/** Where reading begins: `after`, or what a browser sends when it comes again. */
export function afterOf({ query, header }: AdminRequest): number {
  const written = query.get("after") ?? header("last-event-id") ?? "0"
  if (!/^\d{1,15}$/.test(written)) throw new AdminError(400, "after: must be the id of an event")
  return Number(written)
}

/** Server-sent events (HTML §9.2), from behind `after` on. */
export function eventStream(
  ring: EventRing,
  after: number,
  every: (ms: number, call: () => void) => () => void,
): AdminAnswer {
  return {
    contentType: "text/event-stream",
    start(write) {
      const { events, lost } = ring.after(after)
      write(`retry: 1000\n${lost > 0 ? `: ${lost} events are kept no longer\n` : ""}\n`)
      for (const event of events) write(frameOf(event))
      const stopListening = ring.listen((event) => write(frameOf(event)))
      const stopPulse = every(PULSE_MS, () => write(": still here\n\n"))
      return () => {
        stopListening()
        stopPulse()
      }
    },
  }
}

function frameOf(event: AdminEvent): string {
  return `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`
}
