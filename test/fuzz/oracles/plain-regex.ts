import type { ParsedRegex, RegexNode } from "../../../src/regex/node.ts"

/** Where each group begins and ends, the whole match first; null: it took no part. */
export type PlainMatch = readonly (readonly [number, number] | null)[]

interface Place {
  readonly at: number
  readonly start: number
  readonly groups: PlainMatch
}

type Go = (place: Place) => Place | null

/** Thrown when a search takes longer than the oracle has patience for. */
export class TooLong extends Error {}

/**
 * PCRE's matching as its manual tells it: each node tries, and what follows is called for each way that it matches. No
 * program, no table, nothing remembered.
 */
export function plainMatch(
  { node, groups }: ParsedRegex,
  text: string,
  patience = 20_000,
): PlainMatch | null {
  const search = new Search(text, patience)
  const none = Array.from({ length: groups + 1 }, () => null)
  for (let start = 0; start <= text.length; start++) {
    const end = search.run(node, { at: start, start, groups: none }, (place) => place)
    if (end !== null) return [[end.start, end.at], ...end.groups.slice(1)]
  }
  return null
}

class Search {
  readonly #text: string
  #patience: number

  constructor(text: string, patience: number) {
    this.#text = text
    this.#patience = patience
  }

  run(node: RegexNode, place: Place, go: Go): Place | null {
    if (--this.#patience < 0) throw new TooLong()
    const { at, groups } = place
    switch (node.kind) {
      case "set":
        if (at >= this.#text.length || node.set[this.#text.charCodeAt(at)] !== 1) return null
        return go({ ...place, at: at + 1 })
      case "sequence": {
        const [first, ...rest] = node.nodes
        if (first === undefined) return go(place)
        return this.run(first, place, (next) => this.run({ kind: "sequence", nodes: rest }, next, go))
      }
      case "choice":
        for (const each of node.nodes) {
          const found = this.run(each, place, go)
          if (found !== null) return found
        }
        return null
      case "repeat":
        return this.#repeat(node, 0, place, go)
      case "capture":
        return this.run(node.node, place, (next) => {
          return go({ ...next, groups: next.groups.with(node.index, [at, next.at]) })
        })
      case "assertion":
        return this.#holds(node.what, at) ? go(place) : null
      case "keep":
        return go({ ...place, start: at })
      case "atomic": {
        const inner = this.run(node.node, place, (next) => next)
        return inner === null ? null : go(inner)
      }
      case "look": {
        const inner = node.isBehind
          ? this.#behind(node.node, place)
          : this.run(node.node, place, (next) => next)
        if (node.isNegative) return inner === null ? go(place) : null
        return inner === null ? null : go({ ...inner, at, start: place.start })
      }
      case "reference": {
        const span = node.groups.map((group) => groups[group] ?? null).find((each) => each !== null)
        if (span === undefined) return null
        const fold = (each: string) =>
          node.isCaseless ? each.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : each
        const wanted = this.#text.slice(...span)
        const found = this.#text.slice(at, at + wanted.length)
        return fold(wanted) === fold(found) ? go({ ...place, at: at + wanted.length }) : null
      }
      case "condition": {
        const isSet = node.groups.some((group) => groups[group] !== null)
        return this.run(isSet ? node.whenSet : node.whenNot, place, go)
      }
    }
  }

  #repeat(node: Extract<RegexNode, { kind: "repeat" }>, count: number, place: Place, go: Go): Place | null {
    const again = (): Place | null => {
      if (count >= node.max) return null
      return this.run(node.node, place, (next) => {
        // PCRE writes `x{2,}` out as x and a loop: a round of the loop that matched nothing is the last.
        if (next.at === place.at && count + 1 >= node.min && node.max === Infinity) return go(next)
        return this.#repeat(node, count + 1, next, go)
      })
    }
    if (count < node.min) return again()
    return node.isLazy ? (go(place) ?? again()) : (again() ?? go(place))
  }

  #behind(node: RegexNode, place: Place): Place | null {
    for (const each of node.kind === "choice" ? node.nodes : [node]) {
      for (let at = place.at; at >= 0; at--) {
        const found = this.run(each, { ...place, at }, (next) => (next.at === place.at ? next : null))
        if (found !== null) return found
      }
    }
    return null
  }

  #holds(what: Extract<RegexNode, { kind: "assertion" }>["what"], at: number): boolean {
    const before = this.#text.slice(0, at)
    const after = this.#text.slice(at)
    const isBoundary = /\w$/.test(before.slice(-1)) !== /^\w/.test(after)
    switch (what) {
      case "start":
        return before === ""
      case "end":
        return after === ""
      case "end or last newline":
        return after === "" || after === "\n"
      case "line start":
        return before === "" || (before.endsWith("\n") && after !== "")
      case "line end":
        return after === "" || after.startsWith("\n")
      case "word boundary":
        return isBoundary
      case "no word boundary":
        return !isBoundary
    }
  }
}
