import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { percent } from "../report/format.ts"
import { plainTable } from "../report/table.ts"

/** The parts of a V8 `.cpuprofile` used here. Times are microseconds. */
export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: number[]
  timeDeltas: number[]
}

export interface SelfTime {
  place: string
  microseconds: number
}

const SHOWN = 30

/** Time spent in each function itself, most first. Waiting for events is left out. */
export function selfTimes(profile: CpuProfile): SelfTime[] {
  const places = new Map(profile.nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]))
  const sums = new Map<string, number>()
  profile.samples.forEach((id, index) => {
    const place = places.get(id)!
    sums.set(place, (sums.get(place) ?? 0) + profile.timeDeltas[index]!)
  })
  sums.delete("(idle)")
  sums.delete("(root)")
  return [...sums]
    .map(([place, microseconds]) => ({ place, microseconds }))
    .toSorted((a, b) => b.microseconds - a.microseconds)
}

function placeOf({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName
  return url === "" ? name : `${name}  ${url.split("/").slice(-3).join("/")}:${lineNumber + 1}`
}

/** A table of the newest profile in a directory. */
export function topOfProfiles(directory: string): string {
  const newest = readdirSync(directory)
    .filter((file) => file.endsWith(".cpuprofile"))
    .toSorted()
    .at(-1)
  if (newest === undefined) return `No profile was written to ${directory}: did Sluice end by itself?`
  const times = selfTimes(JSON.parse(readFileSync(join(directory, newest), "utf8")))
  const all = times.reduce((sum, { microseconds }) => sum + microseconds, 0)
  const rows = times.slice(0, SHOWN).map(({ place, microseconds }) => [place, percent(microseconds / all)])
  return `\n${join(directory, newest)} (open it in Chrome's DevTools)\n${plainTable([["self time in", "share"], ...rows])}`
}
