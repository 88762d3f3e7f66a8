import { type ChildProcess, fork } from "node:child_process"
import type { Baseline, Verdict } from "./runner.ts"
import type { Answer, Job, Order } from "./worker.ts"

const WORKER = new URL("worker.ts", import.meta.url)
/** A loop outside the counted code may hang a process; then it is ended. */
const SILENCE_MS = 120_000
/** Each copy of the modules stays in memory for as long as the process, and so does what mutants lose. */
const RSS_OCTETS_MAX = 1024 ** 3
/** A mutant that takes more has hung, as far as anyone can tell. */
const HEAP_MIB_MAX = 2048

export interface CrewOptions {
  /** By path, the source files with their mutants in them, and how many those are. */
  readonly texts: ReadonlyMap<string, string>
  readonly mutants: number
  readonly workers: number
}

/** Processes that judge mutants. One that hangs is replaced, and its mutant counts as timed out. */
export class Crew {
  readonly #options: CrewOptions
  readonly #members = new Set<Member>()

  constructor(options: CrewOptions) {
    this.#options = options
  }

  async measure(files: readonly string[], cpuMsMax: number): Promise<Baseline> {
    const [first] = this.#members
    const member = first ?? (await this.#hire())
    const answer = await member.ask({ kind: "measure", files, cpuMsMax })
    if (answer?.kind !== "measured") throw new Error("the tests do not run without a mutant")
    return answer.baseline
  }

  /** Judges all jobs, or as many as fit until `isEnough`. */
  async judge(
    jobs: Iterable<Job>,
    onVerdict: (id: number, verdict: Verdict) => void,
    isEnough: () => boolean,
  ): Promise<void> {
    const queue = jobs[Symbol.iterator]()
    const work = async (member: Member): Promise<void> => {
      let current = member
      for (let next = queue.next(); next.done !== true && !isEnough(); next = queue.next()) {
        const job = next.value
        const answer = await current.ask({ kind: "judge", ...job })
        const verdict: Verdict =
          answer?.kind === "judged" ? answer.verdict : { outcome: "timed out", by: "the process hung" }
        onVerdict(job.id, verdict)
        if (answer?.kind !== "judged" || answer.isSpoilt || answer.rssOctets > RSS_OCTETS_MAX)
          current = await this.#replace(current)
      }
    }
    while (this.#members.size < this.#options.workers) await this.#hire()
    await Promise.all([...this.#members].map(work))
  }

  end(): void {
    for (const member of this.#members) member.end()
  }

  async #hire(): Promise<Member> {
    const member = new Member()
    this.#members.add(member)
    const { texts, mutants } = this.#options
    await member.ask({ kind: "start", texts, mutants })
    return member
  }

  async #replace(member: Member): Promise<Member> {
    member.end()
    this.#members.delete(member)
    return this.#hire()
  }
}

class Member {
  readonly #process: ChildProcess = fork(WORKER, {
    // Types are stripped by what Node itself uses for it; only the function is new.
    execArgv: ["--disable-warning=ExperimentalWarning", `--max-old-space-size=${HEAP_MIB_MAX}`],
    serialization: "advanced",
    // A mutant that takes all memory has Node say so at length.
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  })

  /** The answer; null when the process hangs or has ended. */
  async ask(order: Order): Promise<Answer | null> {
    const child = this.#process
    const answer = Promise.withResolvers<Answer | null>()
    const timer = setTimeout(() => child.kill("SIGKILL"), SILENCE_MS)
    const onMessage = (message: unknown): void => {
      timer.refresh()
      const said = message as Answer
      if (said.kind === "broke") answer.reject(new Error(said.message))
      else if (said.kind !== "alive") answer.resolve(said)
    }
    const onExit = (): void => answer.resolve(null)
    child.on("message", onMessage)
    child.once("exit", onExit)
    if (child.connected) child.send(order)
    else onExit()
    try {
      return await answer.promise
    } finally {
      clearTimeout(timer)
      child.off("message", onMessage)
      child.off("exit", onExit)
    }
  }

  end(): void {
    this.#process.kill("SIGKILL")
  }
}
