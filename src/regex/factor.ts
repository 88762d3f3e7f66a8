import { choice, emptyNode, type RegexNode, sequence } from "./node.ts"
import { addAll, emptySet, intersects, keyOf, type OctetSet } from "./octet-set.ts"

/**
 * A choice among branches as a tree: `foo|fob|bar` is `fo(?:o|b)|bar`, so that of ten thousand words a few are tried at
 * each octet. Branches that begin with different octets change places freely, since no text begins with both; those
 * that begin with the same stay in order.
 */
export function factorChoice(branches: readonly RegexNode[]): RegexNode {
  const known = factored.get(branches)
  if (known !== undefined) return known
  const groups = groupByFirst(branches.map(itemsOf))
  const node = choice(groups.map(factorGroup))
  factored.set(branches, node)
  return node
}

const factored = new WeakMap<readonly RegexNode[], RegexNode>()

type Items = readonly RegexNode[]

function itemsOf(node: RegexNode): Items {
  return node.kind === "sequence" ? node.nodes : [node]
}

/** Branches that begin with the same set, beside each other where that changes nothing. */
function groupByFirst(branches: readonly Items[]): Items[][] {
  const groups: Items[][] = []
  /** The groups that a later branch may still join, by set; and all their sets in one. */
  let open = new Map<string, Items[]>()
  let taken = emptySet()
  for (const branch of branches) {
    const set = firstSet(branch)
    const found = set === null ? undefined : open.get(keyOf(set))
    if (found !== undefined) {
      found.push(branch)
      continue
    }
    const group = [branch]
    groups.push(group)
    // A branch that may begin like an earlier one, or with anything, keeps all later ones behind it.
    if (set === null || intersects(taken, set)) {
      open = new Map()
      taken = emptySet()
    }
    if (set === null) continue
    open.set(keyOf(set), group)
    addAll(taken, set)
  }
  return groups
}

function firstSet(branch: Items): OctetSet | null {
  const [first] = branch
  return first?.kind === "set" ? first.set : null
}

function factorGroup(group: readonly Items[]): RegexNode {
  if (group.length === 1) return sequence(group[0]!)
  let common = 1
  while (group.every((branch) => isSameSet(branch[common], group[0]![common]))) common++
  const rest = group.map((branch) => (branch.length === common ? emptyNode : sequence(branch.slice(common))))
  return sequence([...group[0]!.slice(0, common), factorChoice(rest)])
}

function isSameSet(one: RegexNode | undefined, other: RegexNode | undefined): boolean {
  if (one?.kind !== "set" || other?.kind !== "set") return false
  return one.set === other.set || keyOf(one.set) === keyOf(other.set)
}
