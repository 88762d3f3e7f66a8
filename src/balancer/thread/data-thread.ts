/** A program: one data plane in a thread of its own, started and told what to do by the control side. */
import { once } from "node:events"
import { getHeapStatistics, setFlagsFromString } from "node:v8"
import { parentPort } from "node:worker_threads"
import { systemClock } from "../../base/clock.ts"
import { counterIds } from "../../base/counters.ts"
import { joinPart, type Piece } from "../../base/pieces.ts"
import type { EndpointState } from "../../cluster/state.ts"
import { type Log, openLog, type ProcessLog } from "../../log/logger.ts"
import { Balancer } from "../balancer.ts"
import type { PreparedReload } from "../configurations.ts"
import { answer } from "../live/answer.ts"
import type { AnswerPart, Question } from "../live/question.ts"
import type { ClusterMessage, FromThread, ThreadStart, ToThread, VersionedConfig } from "./contract.ts"
import { GivenSockets } from "./given-sockets.ts"
import { SharedNumbers } from "./shared-numbers.ts"
import { SpanBatches } from "./span-batches.ts"

/**
 * A message passes some sixty small functions, from its frame to the next. V8 puts them into one another up to so many
 * octets of their code; with the 920 of its own that is used up half way, and JavaScript takes a fifth longer.
 */
const INLINED_OCTETS = 3000

const tell = (message: FromThread): void => parentPort!.postMessage(message)

/** How often a thread says how busy it is. */
const GAUGES_MS = 1000

class DataThread {
  readonly #index: number
  readonly #clockStartMs = Math.round(systemClock.wallMs() - systemClock.now())
  readonly #file: ProcessLog
  readonly #log: Log
  readonly #network = new GivenSockets()
  readonly #numbers: SharedNumbers
  readonly #balancer: Balancer
  readonly #spans: SpanBatches
  /** The first endpoints of a cluster state whose rest is still to come. */
  #endpoints: EndpointState[] = []
  /** A configuration of which parts are still to come. */
  #arriving: { readonly next: VersionedConfig; missing: number } | null = null
  #prepared: { readonly version: number; readonly reload: PreparedReload } | null = null

  constructor({ index, log, config, sockets, state, memory }: ThreadStart) {
    this.#index = index
    this.#network.give(sockets)
    this.#numbers = new SharedNumbers(memory, index)
    this.#file = openLog({ ...log, onEvent: (event) => tell({ kind: "event", event }) })
    this.#log = this.#file.with({ thread: index + 1 })
    const options = { log: this.#log, network: this.#network }
    this.#balancer = new Balancer(config, options, { numbers: this.#numbers, state })
    this.#spans = new SpanBatches({
      clock: systemClock,
      most: this.#balancer.limits.spansPerSecondMax,
      tell: (spans) => tell({ kind: "spans", spans }),
      onDropped: () => this.#balancer.counters.add(counterIds.spans_dropped),
    })
    if (config.tracing !== null) this.#balancer.on("spans", (spans) => this.#spans.add(spans))
    process.on("uncaughtException", (error) => this.#uncaught(error))
  }

  async start(): Promise<void> {
    await this.#balancer.start()
    this.#tellGauges()
    parentPort!.on("message", (message: ToThread) => void this.#told(message))
    tell({ kind: "ready" })
  }

  async #told(message: ToThread): Promise<void> {
    switch (message.kind) {
      case "start":
        return
      case "prepare":
        if (message.parts === 0) return this.#prepare(message)
        this.#arriving = { next: message, missing: message.parts }
        return
      case "prepare-part":
        return this.#take(message.version, message.part)
      case "commit":
        return this.#commit(message.version)
      case "abandon":
        return this.#abandon()
      case "clusters":
        return this.#apply(message)
      case "order":
        return tell({ kind: "ordered", id: message.id, reached: this.#balancer.orders.obey(message.order) })
      case "log-level":
        return this.#file.setLevel(message.level)
      case "reopen":
        return void Promise.all([this.#balancer.reopenLogs(), this.#file.reopen()])
      case "stop":
        return this.#stop()
      case "ask":
        return this.#answer(message.id, message.question)
      case "flush":
        this.#balancer.flushLogsSync()
        this.#file.flushSync()
        return tell({ kind: "flushed" })
    }
  }

  /** Each part is a turn of its own: the next comes when this one is answered, also where none is of use any more. */
  async #take(version: number, part: readonly Piece[]): Promise<void> {
    const arriving = this.#arriving
    try {
      if (arriving?.next.version !== version) throw new Error(`no configuration ${version} is arriving`)
      joinPart(arriving.next, part)
    } catch (error) {
      this.#arriving = null
      tell({ kind: "prepared", version, problem: (error as Error).message })
      return tell({ kind: "taken", version })
    }
    tell({ kind: "taken", version })
    if (--arriving.missing > 0) return
    this.#arriving = null
    await this.#prepare(arriving.next)
  }

  async #prepare({ version, config, sockets, state, memory }: VersionedConfig): Promise<void> {
    try {
      this.#network.give(sockets)
      this.#numbers.use(memory)
      this.#prepared = { version, reload: await this.#balancer.prepare(config, state) }
      tell({ kind: "prepared", version, problem: null })
    } catch (error) {
      this.#network.closeRest()
      tell({ kind: "prepared", version, problem: (error as Error).message })
    }
  }

  #commit(version: number): void {
    const prepared = this.#prepared
    this.#prepared = null
    let problem: string | null = null
    try {
      if (prepared?.version === version) prepared.reload.commit()
      else problem = "it was not prepared"
    } catch (error) {
      problem = (error as Error).message
    }
    tell({ kind: "committed", version, problem })
  }

  /** Once a second, as long as it lives. */
  #tellGauges(): void {
    const { active: busyMs } = performance.eventLoopUtilization()
    const heapBytes = getHeapStatistics().used_heap_size
    this.#numbers.setGauges({ ...this.#balancer.load(), heapBytes, busyMs })
    systemClock.after(GAUGES_MS, () => this.#tellGauges())
  }

  async #answer(id: number, question: Question): Promise<void> {
    const say = (part: AnswerPart, isLast: boolean): void => tell({ kind: "answer", id, isLast, part })
    const last = await answer(this.#balancer, question, {
      thread: this.#index + 1,
      clock: systemClock,
      startMs: this.#clockStartMs,
      tell: (part) => say(part, false),
    })
    say(last, true)
  }

  #abandon(): void {
    this.#arriving = null
    this.#prepared?.reload.abandon()
    this.#prepared = null
  }

  async #apply({ version, cluster, from, endpoints, isLast, memory }: ClusterMessage): Promise<void> {
    let problem: string | null = null
    try {
      this.#numbers.useEndpoints(memory)
      if (from === 0) this.#endpoints = []
      this.#endpoints.push(...endpoints)
      if (isLast) await this.#balancer.apply(cluster, this.#endpoints.splice(0))
    } catch (error) {
      problem = (error as Error).stack ?? String(error)
    }
    tell({ kind: "applied", version, problem })
  }

  async #stop(): Promise<void> {
    let problem: string | null = null
    try {
      await this.#balancer.close()
    } catch (error) {
      problem = (error as Error).message
    }
    this.#spans.flush()
    await this.#file.close()
    tell({ kind: "stopped", problem })
    // What a library still holds open must not keep a thread that has stopped.
    process.exit()
  }

  /** A bug, outside any connection's own. A thread full of live streams is not ended for it. */
  #uncaught(error: Error): void {
    this.#balancer.counters.add(counterIds.uncaught)
    this.#log.error("unexpected error", { error: error.stack ?? String(error) })
  }
}

// Once the code is loaded: what Node has compiled ahead of time is not used under other options.
setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${INLINED_OCTETS}`)

// Not awaited here: the code of the single executable, a script, has no await at its top.
void (async () => {
  const [start] = (await once(parentPort!, "message")) as [ThreadStart]
  try {
    await new DataThread(start).start()
  } catch (error) {
    tell({ kind: "cannot-start", reason: (error as Error).message })
    process.exit()
  }
})()
