import type { Serving, Truth } from "./account.ts"
import type { Backends } from "./backends.ts"
import { sharedMs } from "./protocol.ts"
import type { RunningProxy } from "./running-proxy.ts"

/** What a case acts on. */
export interface Stage {
  readonly backends: Backends
  readonly proxy: RunningProxy
}

export interface ChurnCase {
  readonly name: string
  readonly title: string
  readonly says: string
  /** How many of the backends the proxy knows at first. */
  readonly knownBackends: number
  /** Whether it is about one of the backends. */
  readonly hasVictim: boolean
  /** Does what the case is about, and says what was true meanwhile. */
  run(stage: Stage): Promise<Truth>
}

export const BACKENDS = 4
const VICTIM = 1

const FREEZE_MS = 12_000
const AFTER_THAW_MS = 3_000
const AFTER_KILL_MS = 4_000
const AWAY_MS = 1_000
const AFTER_RETURN_MS = 5_000
const AFTER_SCALE_UP_MS = 5_000
const RELOADS = 6
const BETWEEN_RELOADS_MS = 1_000

const always = (fromMs: number, toMs: number, but: number | null): Serving[] =>
  Array.from({ length: BACKENDS }, (_, backend) => ({ backend, fromMs, toMs })).filter(
    ({ backend }) => backend !== but,
  )

export const CASES: readonly ChurnCase[] = [
  {
    name: "kill",
    title: "A backend is killed",
    says: `\`kill -9\` of one of ${BACKENDS} backends, which does not come back`,
    knownBackends: BACKENDS,
    hasVictim: true,
    async run({ backends }) {
      const fromMs = sharedMs()
      backends.kill(VICTIM)
      await pause(AFTER_KILL_MS)
      const toMs = sharedMs()
      return { victim: VICTIM, fromMs, toMs, serving: always(fromMs, toMs, VICTIM) }
    },
  },
  {
    name: "freeze",
    title: "A backend freezes",
    says: `SIGSTOP to one of ${BACKENDS} backends, SIGCONT after ${FREEZE_MS / 1000} s`,
    knownBackends: BACKENDS,
    hasVictim: true,
    async run({ backends }) {
      const fromMs = sharedMs()
      backends.freeze(VICTIM)
      await pause(FREEZE_MS)
      backends.thaw(VICTIM)
      const backMs = sharedMs()
      await pause(AFTER_THAW_MS)
      const toMs = sharedMs()
      const serving = [...always(fromMs, toMs, VICTIM), { backend: VICTIM, fromMs: backMs, toMs }]
      return { victim: VICTIM, fromMs, toMs, serving }
    },
  },
  {
    name: "restart",
    title: "A backend restarts",
    says: `one of ${BACKENDS} backends is killed and started again on its port ${AWAY_MS / 1000} s later`,
    knownBackends: BACKENDS,
    hasVictim: true,
    async run({ backends }) {
      const fromMs = sharedMs()
      backends.kill(VICTIM)
      await pause(AWAY_MS)
      await backends.start(VICTIM)
      const backMs = sharedMs()
      await pause(AFTER_RETURN_MS)
      const toMs = sharedMs()
      const serving = [...always(fromMs, toMs, VICTIM), { backend: VICTIM, fromMs: backMs, toMs }]
      return { victim: VICTIM, fromMs, toMs, serving }
    },
  },
  {
    name: "scale-up",
    title: "A backend is added",
    says: `the proxy is told of a fourth backend, which runs already`,
    knownBackends: BACKENDS - 1,
    hasVictim: false,
    async run({ backends, proxy }) {
      const fromMs = sharedMs()
      await proxy.addBackend(backends.ports[BACKENDS - 1]!)
      await pause(AFTER_SCALE_UP_MS)
      const toMs = sharedMs()
      return { victim: null, fromMs, toMs, serving: always(fromMs, toMs, null) }
    },
  },
  {
    name: "reload",
    title: "The configuration is reloaded",
    says: `${RELOADS} reloads, ${BETWEEN_RELOADS_MS / 1000} s apart, each with another timeout for the route`,
    knownBackends: BACKENDS,
    hasVictim: false,
    async run({ proxy }) {
      const fromMs = sharedMs()
      for (let round = 0; round < RELOADS; round++) {
        proxy.reload()
        await pause(BETWEEN_RELOADS_MS)
      }
      const toMs = sharedMs()
      return { victim: null, fromMs, toMs, serving: always(fromMs, toMs, null) }
    },
  },
]

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
