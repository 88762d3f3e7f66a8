import type { DiscoveredEndpoint, DiscoverySource } from "../../src/control/discovery/source.ts"
import { eventually } from "../support/eventually.ts"

/** Vitest's context of a test, or what stands for it elsewhere. */
export interface Finishing {
  onTestFinished(finish: () => unknown): void
}

/** What a source says, and a way to wait for it. */
export interface Listening {
  readonly answers: (readonly DiscoveredEndpoint[])[]
  readonly failures: string[]
  /** What of its answers it could not read. */
  readonly unread: string[]
  /** Until these are the endpoints, as `sorted` has them. */
  says(...addresses: string[]): Promise<void>
  fails(pattern: RegExp): Promise<void>
}

export function listen(t: Finishing, source: DiscoverySource): Listening {
  const answers: (readonly DiscoveredEndpoint[])[] = []
  const failures: string[] = []
  const unread: string[] = []
  source.start({
    onEndpoints: (endpoints, what) => {
      answers.push(endpoints)
      if (what !== undefined) unread.push(what)
    },
    onFailure: (reason) => failures.push(reason),
  })
  t.onTestFinished(() => source.stop())
  return {
    answers,
    failures,
    unread,
    says: (...addresses) =>
      eventually(
        () => sorted(answers.at(-1)).join() === addresses.join(),
        () => `it says ${addresses.join()}, not ${sorted(answers.at(-1)).join()} (${failures.join("; ")})`,
      ),
    fails: (pattern) =>
      eventually(
        () => failures.some((reason) => pattern.test(reason)),
        () => `it fails with ${String(pattern)}, not ${failures.join("; ")}`,
      ),
  }
}

/** Addresses in order; those that drain are marked. */
export function sorted(endpoints: readonly DiscoveredEndpoint[] | undefined): string[] {
  return (endpoints ?? []).map(({ address, isDraining }) => address + (isDraining ? " draining" : "")).sort()
}
