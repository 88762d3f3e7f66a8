import type { Sight, Stage } from "./attack.ts"
import type { Call } from "./backend.ts"
import { block, type Field } from "./hpack.ts"
import { describeStream, firstValue, type StreamView } from "./peer.ts"
import * as wire from "./wire.ts"

/** One request that is wrong in one way. */
export interface Probe {
  name: string
  fields: Field[]
  /** DATA of the request. */
  data?: string
  trailers?: readonly Field[]
  /** False: the trailers do not end the stream. */
  trailersEnd?: boolean
  /** Whether the backend should see the call: false by default; null: as the target likes. */
  serves?: boolean | null
}

type Verdict = "refused" | "cleaned" | "served" | "unanswered" | "forwarded"

const ANSWER_MS = 700

/** Sends each probe on a connection of its own, and asks the backend what it saw. */
export async function probe(stage: Stage, probes: readonly Probe[]): Promise<Sight> {
  const startMs = performance.now()
  const verdicts = await Promise.all(probes.map((one, i) => ask(stage, one, `${one.name}-${i}`)))
  const named = (verdict: Verdict) => probes.filter((_, i) => verdicts[i] === verdict).map((one) => one.name)
  const note = (["refused", "cleaned", "served", "unanswered", "forwarded"] as const)
    .map((verdict) => [verdict, named(verdict)] as const)
    .filter(([, names]) => names.length > 0)
    .map(([verdict, names]) =>
      verdict === "refused" ? `refused ${names.length}` : `${verdict}: ${names.join(", ")}`,
    )
    .join("; ")
  const wrong = [
    ...named("forwarded").map((name) => `${name} forwarded`),
    ...named("unanswered").map((name) => `${name} left unanswered`),
    ...probes
      .filter((one, i) => one.serves === true && verdicts[i] !== "served")
      .map((one) => `${one.name} cut`),
  ]
  const refused = named("refused").length
  return {
    end: refused === probes.length ? "refused" : "open",
    code: "",
    frames: 0,
    octets: 0,
    ms: Math.round(performance.now() - startMs),
    note,
    wrong,
  }
}

async function ask(stage: Stage, one: Probe, name: string): Promise<Verdict> {
  const { END_HEADERS, END_STREAM } = wire.Flag
  const peer = await stage.connect()
  const view = peer.stream(1)
  const whole = one.data === undefined && one.trailers === undefined
  const head = block([...one.fields, ["x-case", name]])
  peer.send(...split(1, head, END_HEADERS | (whole ? END_STREAM : 0)))
  if (one.data !== undefined) peer.send(wire.data(1, Buffer.from(one.data), END_STREAM))
  if (one.trailers !== undefined) {
    await peer.until(() => view.headers.length > 0, ANSWER_MS)
    peer.send(...split(1, block(one.trailers), END_HEADERS | (one.trailersEnd === false ? 0 : END_STREAM)))
  }
  const answered = () => view.ended || view.reset !== null || peer.over
  await peer.until(answered, ANSWER_MS)
  // A refusal may be on its way to the client before the call is on its way to the backend, or the other way round.
  await peer.until(() => false, 50)
  const said = answered()
  const call = stage.backend.cases.get(name)
  peer.destroy()
  return verdictOf(one, view, said, call)
}

function verdictOf(one: Probe, view: StreamView, said: boolean, call: Call | undefined): Verdict {
  const served =
    describeStream(view).startsWith(":status 200") && (firstValue(view.headers, "grpc-status") ?? "0") === "0"
  if (one.serves !== undefined && one.serves !== false)
    return served ? "served" : said ? "refused" : "unanswered"
  if (call === undefined) return said ? "refused" : "unanswered"
  if (one.trailers !== undefined || one.data !== undefined) {
    // The call may begin; what must not happen is that the backend takes the wrong end for a good one.
    if (!call.ended) return said ? "refused" : "unanswered"
    const harm = one.trailers?.some(([key]) => firstValue(call.trailers, key) !== undefined) ?? true
    return harm ? "forwarded" : "cleaned"
  }
  return carries(one, call) ? "forwarded" : "cleaned"
}

/** Whether the backend got the very fields that are wrong. */
function carries(one: Probe, call: Call): boolean {
  const honest = new Map<string, number>()
  for (const [name] of one.fields) honest.set(name, (honest.get(name) ?? 0) + 1)
  const suspects = one.fields.filter(
    ([name, value]) => !HONEST.has(`${name}=${value}`) || (honest.get(name) ?? 0) > 1,
  )
  if (suspects.length === 0) return true
  return suspects.some(([name, value]) =>
    call.fields.some(([key, seen]) => key.toLowerCase() === name.toLowerCase() && seen === value),
  )
}

const HONEST = new Set([
  ":method=POST",
  ":scheme=http",
  ":path=/abuse.Attack/Echo",
  ":authority=abuse.test",
  "content-type=application/grpc",
  "te=trailers",
])

function split(streamId: number, octets: Buffer, flags: number): Buffer[] {
  const frames: Buffer[] = []
  for (let at = 0; at === 0 || at < octets.length; at += 16_384) {
    const part = octets.subarray(at, at + 16_384)
    const last = at + 16_384 >= octets.length
    const end = last ? wire.Flag.END_HEADERS : 0
    if (at === 0) frames.push(wire.headers(streamId, part, (flags & ~wire.Flag.END_HEADERS) | end))
    else frames.push(wire.continuation(streamId, part, end))
  }
  return frames
}
