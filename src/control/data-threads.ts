import { Worker } from "node:worker_threads"
import type { AnswerPart, Question } from "../balancer/live/question.ts"
import type {
  FromThread,
  LiveOrder,
  ThreadLog,
  ThreadSockets,
  ToThread,
  VersionedConfig,
} from "../balancer/thread/contract.ts"
import { endpointMemory } from "../balancer/thread/shared-numbers.ts"
import type { Clock } from "../base/clock.ts"
import { cutInParts } from "../base/pieces.ts"
import { threadProgram } from "../base/program-file.ts"
import type { ClusterState, EndpointState } from "../cluster/state.ts"
import type { LogLevel } from "../config/model.ts"
import type { LogEvent } from "../log/log-event.ts"
import type { Log } from "../log/logger.ts"
import type { Span } from "../record/span.ts"
import { Questions } from "./questions.ts"
import { StateSender } from "./state-sender.ts"

/** A thread that died this soon is replaced no sooner, so that one that cannot live does not keep the machine busy. */
const RESPAWN_MS = 1000

/**
 * Bound on the part of a thread's heap where objects are born: three half spaces of 2 MiB, about a core's own cache, so
 * that what is written anew is there already. With 8 MiB a message of 10,000 streams took 9 to 23 % more where memory is
 * far, a new connection 3 % less; with 1 MiB a new connection 15 % more, for its objects outlive the collection. V8 alone lets it grow to 128 MiB when many connections
 * come at once, and that stays. V8's own options go before it.
 */
const YOUNG_HEAP_MB = 6

/** So many values of a configuration in one message, which a data thread reads in some 0.3 ms. */
const VALUES_PER_MESSAGE = 4_000

/** What a thread is to the control side: `Worker`, or a stand-in for it in tests. */
export interface ThreadWorker {
  postMessage(message: ToThread): void
  on(event: "message", listener: (message: FromThread) => void): unknown
  on(event: "error", listener: (error: Error) => void): unknown
  on(event: "exit", listener: (code: number) => void): unknown
  terminate(): unknown
}

/** A thread that waits for its `start`. `name`: what `top -H` shows. */
export function makeWorker(name: string): ThreadWorker {
  const { program, eval: isCode } = threadProgram("../balancer/thread/data-thread.ts", import.meta.url)
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_HEAP_MB }
  return new Worker(program, { name, eval: isCode, resourceLimits })
}

export interface DataThreadsOptions {
  count: number
  clock: Clock
  log: Log
  threadLog: ThreadLog
  makeWorker(name: string): ThreadWorker
  /** The configuration in force, with the states of its clusters. */
  current(): Omit<VersionedConfig, "sockets">
  endpointsOf(cluster: string): readonly EndpointState[]
  /** All listening sockets of the configuration in force, for each of the threads `indexes`. */
  sockets(indexes: readonly number[]): Promise<ThreadSockets[]>
  /** Something happened in one. */
  onEvent(event: LogEvent): void
  onSpans(spans: readonly Span[]): void
  /** What a thread is told that begins to listen. */
  standingOrders(): LiveOrder[]
  /** A thread is gone, and with it its streams. */
  onLost(index: number): void
}

/** One data thread, as the control side knows it. */
interface DataThread {
  readonly index: number
  readonly worker: ThreadWorker
  readonly startedMs: number
  /** Null until it is told to start. */
  states: StateSender | null
  /** The configuration that it has acknowledged, or was started with. */
  version: number
  isReady: boolean
  /** Why it ended, where it has said so. */
  reason: string | null
  /** Called with its answer of a kind; with null when it is gone. */
  readonly waiting: Map<FromThread["kind"], (answer: FromThread | null) => void>
  /** Called with how much of what the order is about it has. */
  readonly orders: Map<number, (reached: number) => void>
}

/** The data threads of the process: started, told what to do, and replaced when they die. */
export class DataThreads {
  readonly #options: DataThreadsOptions
  readonly #threads = new Map<number, DataThread>()
  readonly #questions: Questions
  #lastOrder = 0
  /** As it was ordered; null: as configured. */
  #logLevel: LogLevel | null = null
  #hasStarted = false
  #isStopping = false
  #stopProblem: string | null = null
  /** Called when a thread is ready or gone. */
  #onChange: () => void = () => {}

  constructor(options: DataThreadsOptions) {
    this.#options = options
    this.#questions = new Questions(options.clock)
  }

  /** Makes all of them: they load while their sockets are opened. */
  load(): void {
    for (let index = 0; index < this.#options.count; index++) this.#spawn(index)
  }

  /** Starts what `load` has made; resolves once all listen. Errors: throws why one cannot; all have ended then. */
  async start(): Promise<void> {
    try {
      const indexes = [...this.#threads.keys()]
      const sockets = await this.#options.sockets(indexes)
      for (const index of indexes) this.#begin(this.#threads.get(index)!, sockets[index]!)
      await new Promise<void>((resolve, reject) => {
        this.#onChange = () => {
          const threads = [...this.#threads.values()]
          const lost = threads.find(({ reason }) => reason !== null)
          if (lost !== undefined) reject(new Error(lost.reason!))
          else if (threads.every(({ isReady }) => isReady)) resolve()
        }
        this.#onChange()
      })
      this.#hasStarted = true
    } catch (error) {
      this.end()
      throw error
    }
  }

  // ---- Cluster states -----------------------------------------------------------------------------------------

  /** The oldest version of cluster states that a thread may still use. */
  get acknowledged(): number {
    const senders = this.#senders()
    const { version } = this.#options.current().state
    return Math.min(version, ...senders.map(({ acknowledged }) => acknowledged))
  }

  /** Brings a change to all threads. */
  publish(state: ClusterState): void {
    for (const sender of this.#senders()) sender.changed(state)
  }

  #senders(): StateSender[] {
    return [...this.#threads.values()].flatMap(({ states }) => states ?? [])
  }

  #applied({ states, index }: DataThread, problem: string | null): void {
    if (problem !== null)
      this.#options.log.error("unexpected error: a data thread cannot take a cluster's state", {
        thread: index + 1,
        error: problem,
      })
    states?.applied()
  }

  // ---- Reload -------------------------------------------------------------------------------------------------

  /**
   * Has every thread compile `next`. `sockets` of new listeners, by thread. Null: all can take it; else why one cannot, and
   * `abandon` is due. A thread that only starts meanwhile is made anew when `next` is in force.
   */
  async prepare(
    next: Omit<VersionedConfig, "sockets">,
    sockets: readonly ThreadSockets[],
  ): Promise<string | null> {
    for (const sender of this.#senders()) sender.hold()
    const { head, parts } = cutInParts(next, VALUES_PER_MESSAGE)
    const whole = { kind: "prepare", ...head, parts: parts.length } as const
    const answers = await Promise.all(
      this.#ready().map(async (thread) => {
        const prepared = this.#askThread(thread, "prepared", { ...whole, sockets: sockets[thread.index]! })
        for (const part of parts) {
          const message = { kind: "prepare-part", version: next.version, part } as const
          if ((await this.#askThread(thread, "taken", message)) === null) break
        }
        return prepared
      }),
    )
    for (const answer of answers) {
      if (answer === null) return "a data thread died of it"
      if (answer.kind === "prepared" && answer.problem !== null) return answer.problem
    }
    return null
  }

  /** Puts in force what was prepared; resolves once all have done so. One that cannot is made anew. */
  async commit(version: number): Promise<void> {
    const asked = this.#ready()
    const answers = await this.#askAll("committed", () => ({ kind: "commit", version }))
    for (const [at, answer] of answers.entries()) {
      const thread = asked[at]!
      if (answer?.kind !== "committed" || this.#isStopping) continue
      if (answer.problem === null) {
        thread.version = version
        thread.states?.reloaded(this.#options.current().state.version)
      } else {
        // It began to listen when the others had been asked to prepare.
        thread.reason = `a reload has overtaken it: ${answer.problem}`
        thread.worker.terminate()
      }
    }
    this.#resume()
  }

  abandon(version: number): void {
    this.#tell({ kind: "abandon", version })
    this.#resume()
  }

  #resume(): void {
    for (const { isReady, states } of this.#threads.values()) if (isReady) states?.resume()
  }

  // ---- Orders -------------------------------------------------------------------------------------------------

  /** Resolves with how much all threads have of what the order is about. */
  async order(order: LiveOrder): Promise<number> {
    const answers = await Promise.all(this.#ready().map((thread) => this.#order(thread, order)))
    return answers.reduce((sum, reached) => sum + reached, 0)
  }

  /** The same, of one thread; 0: it does not listen. */
  async orderOne(index: number, order: LiveOrder): Promise<number> {
    const thread = this.#threads.get(index)
    return thread?.isReady === true ? this.#order(thread, order) : 0
  }

  #order(thread: DataThread, order: LiveOrder): Promise<number> {
    const id = ++this.#lastOrder
    return new Promise((resolve) => {
      thread.orders.set(id, resolve)
      thread.worker.postMessage({ kind: "order", id, order })
    })
  }

  /** Of the log of the process. */
  setLogLevel(level: LogLevel): void {
    this.#logLevel = level
    this.#tell({ kind: "log-level", level })
  }

  /** Opens all log files anew. */
  reopen(): void {
    this.#tell({ kind: "reopen" })
  }

  /** Drains all; resolves once they have ended, with what went wrong. */
  stop(): Promise<string | null> {
    this.#isStopping = true
    this.#tell({ kind: "stop" })
    // One that does not listen has no streams.
    for (const { isReady, worker } of this.#threads.values()) if (!isReady) worker.terminate()
    return new Promise((resolve) => {
      this.#onChange = () => {
        if (this.#threads.size === 0) resolve(this.#stopProblem)
      }
      this.#onChange()
    })
  }

  /** Has all write what their logs hold. */
  async flush(): Promise<void> {
    await this.#askAll("flushed", () => ({ kind: "flush" }))
  }

  /** Ends all at once. */
  end(): void {
    this.#isStopping = true
    for (const { worker } of this.#threads.values()) worker.terminate()
  }

  /** The answers of those that listen, each in its pieces; null of one that is gone or has fallen silent. */
  ask(question: Question): Promise<(AnswerPart[] | null)[]> {
    return Promise.all(this.#ready().map(({ worker }) => this.#questions.ask(worker, question)))
  }

  /** The answer of one; null: it does not listen. */
  async askOne(index: number, question: Question): Promise<AnswerPart[] | null> {
    const thread = this.#threads.get(index)
    return thread?.isReady === true ? this.#questions.ask(thread.worker, question) : null
  }

  /** Each thread, whether it listens, and the configuration that it has acknowledged. */
  get states(): { index: number; isReady: boolean; version: number }[] {
    return [...this.#threads.values()].map(({ index, isReady, version }) => ({ index, isReady, version }))
  }

  #tell(message: ToThread): void {
    for (const { worker } of this.#ready()) worker.postMessage(message)
  }

  /** The answer of each thread that listens; null of those that are gone before. One question of a kind at a time. */
  #askAll(
    answer: FromThread["kind"],
    question: (thread: DataThread) => ToThread,
  ): Promise<(FromThread | null)[]> {
    return Promise.all(this.#ready().map((thread) => this.#askThread(thread, answer, question(thread))))
  }

  #askThread(thread: DataThread, answer: FromThread["kind"], question: ToThread): Promise<FromThread | null> {
    return new Promise((resolve) => {
      thread.waiting.set(answer, resolve)
      thread.worker.postMessage(question)
    })
  }

  #ready(): DataThread[] {
    return [...this.#threads.values()].filter(({ isReady }) => isReady)
  }

  // ---- Coming and going ---------------------------------------------------------------------------------------

  #spawn(index: number): DataThread {
    const { makeWorker, clock, current } = this.#options
    const worker = makeWorker(`sluice-data-${index + 1}`)
    const thread: DataThread = {
      index,
      worker,
      startedMs: clock.now(),
      version: current().version,
      states: null,
      isReady: false,
      reason: null,
      waiting: new Map(),
      orders: new Map(),
    }
    this.#threads.set(index, thread)
    worker.on("message", (message) => this.#told(thread, message))
    worker.on("error", (error) => {
      thread.reason ??= reasonOf(error)
    })
    worker.on("exit", (code) => this.#ended(thread, code))
    return thread
  }

  #begin(thread: DataThread, sockets: ThreadSockets): void {
    const current = this.#options.current()
    thread.version = current.version
    const { threadLog, endpointsOf } = this.#options
    const log = { ...threadLog, level: this.#logLevel ?? threadLog.level }
    const { worker } = thread
    thread.states = new StateSender(current.state.version, {
      post: (message) => worker.postMessage(message),
      endpointsOf,
      memory: () => endpointMemory(this.#options.current().memory),
    })
    thread.worker.postMessage({ kind: "start", index: thread.index, log, sockets, ...current })
  }

  #told(thread: DataThread, message: FromThread): void {
    this.#questions.heard(thread.worker)
    switch (message.kind) {
      case "ready":
        return this.#isNowReady(thread)
      case "cannot-start":
        thread.reason = message.reason
        return
      case "stopped":
        this.#stopProblem ??= message.problem
        return
      case "answer":
        return this.#questions.answered(message)
      case "event":
        return this.#options.onEvent(message.event)
      case "spans":
        return this.#options.onSpans(message.spans)
      case "applied":
        return this.#applied(thread, message.problem)
      case "ordered":
        thread.orders.get(message.id)?.(message.reached)
        thread.orders.delete(message.id)
        return
      default: {
        thread.waiting.get(message.kind)?.(message)
        thread.waiting.delete(message.kind)
      }
    }
  }

  #isNowReady(thread: DataThread): void {
    if (this.#isStopping) return void thread.worker.terminate()
    // A reload has overtaken it.
    if (thread.version !== this.#options.current().version) return void thread.worker.terminate()
    thread.isReady = true
    for (const order of this.#options.standingOrders()) void this.#order(thread, order)
    thread.states!.resume()
    if (this.#hasStarted) this.#options.log.info("a data thread listens again", { thread: thread.index + 1 })
    this.#onChange()
  }

  #ended(thread: DataThread, code: number): void {
    const { index } = thread
    thread.reason ??= `it ended with code ${code}`
    for (const answered of thread.waiting.values()) answered(null)
    this.#questions.lost(thread.worker)
    for (const answered of thread.orders.values()) answered(0)
    if (!this.#hasStarted && !this.#isStopping) return this.#onChange()
    this.#threads.delete(index)
    this.#options.onLost(index)
    if (this.#isStopping) return this.#onChange()
    const { log, clock } = this.#options
    const isStale = thread.version !== this.#options.current().version
    if (thread.isReady)
      log.error("a data thread died; its streams are lost, and another takes its place", {
        thread: index + 1,
        reason: thread.reason,
      })
    else if (!isStale)
      log.error("a data thread cannot start; tried again", { thread: index + 1, reason: thread.reason })
    const livedMs = clock.now() - thread.startedMs
    if (isStale || (thread.isReady && livedMs >= RESPAWN_MS)) void this.#replace(index)
    else clock.after(RESPAWN_MS, () => void this.#replace(index))
  }

  async #replace(index: number): Promise<void> {
    if (this.#isStopping || this.#threads.has(index)) return
    const thread = this.#spawn(index)
    try {
      const [sockets] = await this.#options.sockets([index])
      this.#begin(thread, sockets!)
    } catch (error) {
      thread.reason = (error as Error).message
      thread.worker.terminate()
    }
  }
}

function reasonOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY"
    ? "out of memory: its heap is full"
    : (error.stack ?? error.message)
}
