import { factorChoice } from "./factor.ts"
import type { RegexNode } from "./node.ts"
import { addAll, emptySet, intersects, type OctetSet } from "./octet-set.ts"
import { shapeOf } from "./shape.ts"

/** How long a search that goes back over each choice can take, by the length of the text. */
export type Explosion = "exponential" | "polynomial"

/** So many loops in a row that share octets are worth a word: with two, nginx's limits do not matter. */
const LOOPS_WORTH_A_WORD = 3

/**
 * Whether a backtracking engine, as nginx's PCRE, could take very long for a pattern. Null: nothing speaks for it.
 *
 * It looks for a loop within a loop (or a choice within one) where a text can be cut into rounds in more than one way,
 * and for loops in a row of which each could take what is the next one's.
 */
export function explosionOf(node: RegexNode): Explosion | null {
  const search = new AmbiguitySearch()
  if (search.hasAmbiguousLoop(node)) return "exponential"
  return longestRun(node) >= LOOPS_WORTH_A_WORD ? "polynomial" : null
}

function childrenOf(node: RegexNode): readonly RegexNode[] {
  switch (node.kind) {
    case "sequence":
    case "choice":
      return node.nodes
    case "repeat":
    case "capture":
    case "atomic":
    case "look":
      return [node.node]
    case "condition":
      return [node.whenSet, node.whenNot]
    default:
      return []
  }
}

/** What a repeat without an upper bound repeats; null: the node is no such thing. */
function loopBody(node: RegexNode): RegexNode | null {
  return node.kind === "repeat" && node.max === Infinity ? node.node : null
}

/** Sets compared before a search gives up and finds nothing: a pattern made to keep it busy is not worth more. */
const COMPARISONS_MAX = 20_000

class AmbiguitySearch {
  #left = COMPARISONS_MAX

  hasAmbiguousLoop(node: RegexNode): boolean {
    // What is atomic is not gone back into.
    if (node.kind === "atomic" || this.#left < 0) return false
    const body = loopBody(node)
    if (body !== null && this.#isAmbiguous(body, shapeOf(body).first)) return true
    return childrenOf(node).some((child) => this.hasAmbiguousLoop(child))
  }

  /** @param follow what can come behind `node` within the rounds of the loop around it */
  #isAmbiguous(node: RegexNode, follow: OctetSet): boolean {
    if (--this.#left < 0) return false
    switch (node.kind) {
      case "capture":
        return this.#isAmbiguous(node.node, follow)
      case "sequence":
        return node.nodes.some((each, at) => this.#isAmbiguous(each, followOf(node.nodes, at, follow)))
      case "choice":
        return this.#isAmbiguousChoice(node.nodes, follow)
      case "repeat": {
        const { first } = shapeOf(node.node)
        // What ends a round could be one more of these.
        if (node.min !== node.max && this.#intersects(first, follow)) return true
        const inner = emptySet()
        addAll(inner, follow)
        if (node.max > 1) addAll(inner, first)
        return this.#isAmbiguous(node.node, inner)
      }
      default:
        return false
    }
  }

  #isAmbiguousChoice(nodes: readonly RegexNode[], follow: OctetSet): boolean {
    const factored = factorChoice(nodes)
    if (factored.kind !== "choice") return this.#isAmbiguous(factored, follow)
    const shapes = factored.nodes.map(shapeOf)
    const isOptional = shapes.some(({ isNullable }) => isNullable)
    for (const [at, { first, isNullable }] of shapes.entries()) {
      if (isOptional && this.#intersects(first, follow)) return true
      for (const other of shapes.slice(at + 1))
        if ((isNullable && other.isNullable) || this.#intersects(first, other.first)) return true
    }
    return factored.nodes.some((each) => this.#isAmbiguous(each, follow))
  }

  #intersects(one: OctetSet, other: OctetSet): boolean {
    return --this.#left >= 0 && intersects(one, other)
  }
}

function followOf(nodes: readonly RegexNode[], at: number, follow: OctetSet): OctetSet {
  const set = emptySet()
  for (const node of nodes.slice(at + 1)) {
    const { first, isNullable } = shapeOf(node)
    addAll(set, first)
    if (!isNullable) return set
  }
  addAll(set, follow)
  return set
}

// ---- Loops in a row -------------------------------------------------------------------------------------------

/** Something that a match goes through: a loop, or an octet between loops. */
interface Step {
  readonly set: OctetSet
  readonly isLoop: boolean
}

/** The most loops that can come one behind the other and each take what the next could. */
function longestRun(node: RegexNode): number {
  return Math.max(0, ...pathsOf(node).map(runOf))
}

/** Ways through a pattern that are looked at. */
const PATHS_MAX = 64

/** Ways through a pattern: of a choice, each branch. Bounded. */
function pathsOf(node: RegexNode): Step[][] {
  const body = loopBody(node)
  if (body !== null) return [[{ set: octetsOf(body), isLoop: true }]]
  switch (node.kind) {
    case "set":
      return [[{ set: node.set, isLoop: false }]]
    case "sequence": {
      let found: Step[][] = [[]]
      for (const each of node.nodes) {
        const next = pathsOf(each)
        if (next.length === 1) for (const path of found) path.push(...next[0]!)
        else found = found.flatMap((path) => next.map((after) => [...path, ...after])).slice(0, PATHS_MAX)
      }
      return found
    }
    case "choice":
      return node.nodes.slice(0, PATHS_MAX).flatMap(pathsOf).slice(0, PATHS_MAX)
    case "capture":
      return pathsOf(node.node)
    case "repeat":
      return node.min === 0 ? [[]] : pathsOf(node.node)
    default:
      return [[]]
  }
}

function runOf(path: readonly Step[]): number {
  let longest = 0
  let run = 0
  let last: OctetSet | null = null
  for (const { set, isLoop: isAnother } of path) {
    // What a loop cannot take ends it at one place.
    const isShared = last !== null && intersects(last, set)
    if (isAnother) {
      run = isShared ? run + 1 : 1
      last = set
      longest = Math.max(longest, run)
    } else if (!isShared) last = null
  }
  return longest
}

/** Every octet that a node can match. */
function octetsOf(node: RegexNode): OctetSet {
  if (node.kind === "set") return node.set
  const set = emptySet()
  for (const child of childrenOf(node)) addAll(set, octetsOf(child))
  return set
}
