import type { Threads } from "./stream-list.ts"

/** A lane on the right bank: an endpoint, and from where to where its streams end, as shares of the height. */
export interface Lane {
  readonly name: string
  readonly isOut: boolean
  readonly top: number
  readonly bottom: number
  readonly streams: number
}

/** A line from the left bank to the right one: shares of the height. */
export interface Line {
  readonly key: number
  readonly fromY: number
  toY: number
  lane: number
  messages: number
}

export interface River {
  readonly lanes: readonly Lane[]
  readonly lines: readonly Line[]
  /** Streams that changed their endpoint since the last layout. */
  readonly moved: number
}

const GAP = 0.04

/**
 * Lanes in the order of `endpoints`, which are those of the configuration, and a line for each stream; streams of a lane
 * lie side by side in the order of their clients, so that lines cross as little as they can.
 */
export function layOut(
  threads: Threads,
  endpoints: readonly { address: string; isOut: boolean }[],
  before: ReadonlyMap<number, string>,
): River {
  const { endpointNames, endpointStreams, keys, clients, endpoints: of, messages } = threads
  const known = endpoints.map(({ address }) => address)
  const names = [...known, ...endpointNames.filter((name) => !known.includes(name))]
  const laneOf = endpointNames.map((name) => names.indexOf(name))
  const members: number[][] = names.map(() => [])
  for (let index = 0; index < keys.length; index++) members[laneOf[of[index]!]!]!.push(index)
  const height = 1 / Math.max(1, names.length)
  const gap = height * GAP * 4
  const lanes = names.map((name, at) => ({
    name,
    isOut: endpoints[at]?.isOut ?? false,
    top: at * height + gap / 2,
    bottom: (at + 1) * height - gap / 2,
    streams: endpointStreams[endpointNames.indexOf(name)] ?? 0,
  }))
  const lines: Line[] = []
  let moved = 0
  for (const [at, { top, bottom, name }] of lanes.entries()) {
    const sorted = members[at]!.sort((one, other) => clients[one]! - clients[other]!)
    for (const [place, index] of sorted.entries()) {
      const key = keys[index]!
      const last = before.get(key)
      if (last !== undefined && last !== "" && last !== name) moved++
      lines.push({
        key,
        fromY: 0.03 + (0.94 * clients[index]!) / 65535,
        toY: top + ((place + 0.5) / sorted.length) * (bottom - top),
        lane: at,
        messages: messages[index]!,
      })
    }
  }
  return { lanes, lines, moved }
}
