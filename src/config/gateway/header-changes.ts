import type { RouteSettings } from "../model.ts"
import type { Draft } from "./draft.ts"
import type { HeaderModifier } from "./resources.ts"

/** What becomes of one field. */
interface Change {
  /** What the message has of it goes on. */
  keeps: boolean
  readonly values: string[]
}

/** Several modifiers one after the other, the rule's before the backend's. */
class Changes {
  readonly #byName = new Map<string, Change>()

  apply({ set, add, remove }: HeaderModifier): void {
    for (const { name, value } of set) this.#byName.set(name.toLowerCase(), { keeps: false, values: [value] })
    for (const { name, value } of add) {
      const change = this.#byName.get(name.toLowerCase()) ?? { keeps: true, values: [] }
      change.values.push(value)
      this.#byName.set(name.toLowerCase(), change)
    }
    for (const name of remove) this.#byName.set(name.toLowerCase(), { keeps: false, values: [] })
  }

  get entries(): [name: string, change: Change][] {
    return [...this.#byName]
  }
}

function changesOf(modifiers: readonly HeaderModifier[]): [name: string, change: Change][] {
  const changes = new Changes()
  for (const modifier of modifiers) changes.apply(modifier)
  return changes.entries
}

/** As `setHeaders`: the first value of a name takes the place of what the request has, the others follow. */
export function requestHeaders(
  modifiers: readonly HeaderModifier[],
  draft: Draft,
): RouteSettings["setHeaders"] {
  return changesOf(modifiers).flatMap(([name, { keeps, values }]): [string, string][] => {
    const own = values.map((value): [string, string] => [name, draft.literal(value)])
    if (keeps) return [[name, `$http_${name.replaceAll("-", "_")}`], ...own]
    return own.length > 0 ? own : [[name, ""]]
  })
}

/** As `hideHeaders` and `addHeaders`. */
export function responseHeaders(
  modifiers: readonly HeaderModifier[],
  draft: Draft,
): Pick<RouteSettings, "hideHeaders" | "addHeaders"> {
  const changes = changesOf(modifiers)
  return {
    hideHeaders: changes.filter(([, { keeps }]) => !keeps).map(([name]) => name),
    addHeaders: changes.flatMap(([name, { values }]) =>
      values.map((value) => ({ name, template: draft.literal(value), always: true })),
    ),
  }
}
