import { type Measured, readMeasured, writeMeasured } from "../conformance/docs.ts"

/** What a run against one real control plane counted. */
export interface DiscoveryRun {
  readonly name: string
  readonly version: string
  readonly cases: number
  /** Names of the cases that failed. */
  readonly failed: readonly string[]
}

/** Puts the counts into docs/conformance.json and draws docs/conformance.md from it; what did not run stays as it was. */
export async function writeRuns(runs: readonly DiscoveryRun[]): Promise<void> {
  const measured = await readMeasured()
  const discovery: Measured["discovery"] = { ...measured.discovery }
  for (const { name, version, cases, failed } of runs)
    discovery[name] = { version, cases, passed: cases - failed.length, failed: [...failed] }
  await writeMeasured({ ...measured, discovery })
}
