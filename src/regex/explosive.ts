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
 * It looks for a loop within a loop (or a choice within one) where a text can be cut into rounds in more than one way, and
 * for loops in a row of which each could take what is the next one's.
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
      return [node.then, node.otherwise]
    default:
      return []
  }
}

function isLoop(node: RegexNode): node is Extract<RegexNode, { kind: "repeat" }> {
  return node.kind === "repeat" && node.max === Infinity
}

/** Sets compared before a search gives up and finds nothing: a pattern made to keep it busy is not worth more. */
const COMPARISONS_MAX = 20_000

class AmbiguitySearch {
  #left = COMPARISONS_MAX

  hasAmbiguousLoop(node: RegexNode): boolean {
    // What is atomic is not gone back into.
    if (node.kind === "atomic" || this.#left < 0) return false
    if (isLoop(node) && this.#isAmbiguous(node.node, shapeOf(node.node).first)) return true
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

/** The most loops that can come one behind the other and each take what the next could. */
function longestRun(node: RegexNode): number {
  return Math.max(0, ...paths(node).map((loops) => runOf(loops)))
}

const PATHS_MAX = 64

/** The octets of the loops that a match can go through, in order; of a choice, each branch. Bounded. */
function paths(node: RegexNode): OctetSet[][] {
  if (isLoop(node)) return [[octetsOf(node.node)]]
  switch (node.kind) {
    case "sequence": {
      let found: OctetSet[][] = [[]]
      for (const each of node.nodes) {
        const next = paths(each)
        found = found.flatMap((before) => next.map((after) => [...before, ...after])).slice(0, PATHS_MAX)
      }
      return found
    }
    case "choice":
      return node.nodes.flatMap(paths).slice(0, PATHS_MAX)
    case "capture":
      return paths(node.node)
    default:
      return [[]]
  }
}

function runOf(loops: readonly OctetSet[]): number {
  let longest = 0
  let run = 0
  for (const [at, loop] of loops.entries()) {
    run = at > 0 && intersects(loop, loops[at - 1]!) ? run + 1 : 1
    longest = Math.max(longest, run)
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
