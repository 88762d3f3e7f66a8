import type { RegexNode } from "./node.ts"
import { addAll, anyOctet, emptySet, type OctetSet } from "./octet-set.ts"

/** What can be told of a node without a text. */
export interface Shape {
  /** It can match the empty text. */
  readonly isNullable: boolean
  /** The octets it can begin with; those that follow it, where it is nullable, are not among them. */
  readonly first: OctetSet
}

const known = new WeakMap<RegexNode, Shape>()

export function shapeOf(node: RegexNode): Shape {
  const before = known.get(node)
  if (before !== undefined) return before
  const shape = computeShape(node)
  known.set(node, shape)
  return shape
}

function computeShape(node: RegexNode): Shape {
  switch (node.kind) {
    case "set":
      return { isNullable: false, first: node.set }
    case "sequence":
      return shapeOfSequence(node.nodes)
    case "choice": {
      const shapes = node.nodes.map(shapeOf)
      return { isNullable: shapes.some(({ isNullable }) => isNullable), first: union(shapes) }
    }
    case "repeat": {
      const { isNullable, first } = shapeOf(node.node)
      if (node.max === 0) return { isNullable: true, first: emptySet() }
      return { isNullable: isNullable || node.min === 0, first }
    }
    case "capture":
    case "atomic":
      return shapeOf(node.node)
    case "reference":
      return { isNullable: true, first: anyOctet }
    case "condition": {
      const shapes = [shapeOf(node.whenSet), shapeOf(node.whenNot)]
      return { isNullable: shapes.some(({ isNullable }) => isNullable), first: union(shapes) }
    }
    case "assertion":
    case "keep":
    case "look":
      return { isNullable: true, first: emptySet() }
  }
}

function shapeOfSequence(nodes: readonly RegexNode[]): Shape {
  const first = emptySet()
  for (const node of nodes) {
    const shape = shapeOf(node)
    addAll(first, shape.first)
    if (!shape.isNullable) return { isNullable: false, first }
  }
  return { isNullable: true, first }
}

function union(shapes: readonly Shape[]): OctetSet {
  const all = emptySet()
  for (const { first } of shapes) addAll(all, first)
  return all
}

/** True where a match can begin at the start of the text alone. */
export function isAnchored(node: RegexNode): boolean {
  switch (node.kind) {
    case "assertion":
      return node.what === "start"
    case "sequence": {
      const [first] = node.nodes.filter(({ kind }) => kind !== "keep")
      return first !== undefined && isAnchored(first)
    }
    case "choice":
      return node.nodes.every(isAnchored)
    case "capture":
    case "atomic":
      return isAnchored(node.node)
    case "repeat":
      return node.min > 0 && isAnchored(node.node)
    default:
      return false
  }
}

/** Octets that a node always matches; null: it depends. Lookbehind needs to know. */
export function fixedLength(node: RegexNode): number | null {
  switch (node.kind) {
    case "set":
      return 1
    case "sequence": {
      let sum = 0
      for (const each of node.nodes) {
        const length = fixedLength(each)
        if (length === null) return null
        sum += length
      }
      return sum
    }
    case "choice": {
      const [length, ...others] = node.nodes.map(fixedLength)
      return others.every((other) => other === length) ? length! : null
    }
    case "repeat": {
      const length = node.min === node.max ? fixedLength(node.node) : null
      return length === null ? null : length * node.min
    }
    case "capture":
    case "atomic":
      return fixedLength(node.node)
    case "condition": {
      const length = fixedLength(node.whenSet)
      return length === fixedLength(node.whenNot) ? length : null
    }
    case "reference":
      return null
    case "assertion":
    case "keep":
    case "look":
      return 0
  }
}

/**
 * True where a match never depends on how its place was reached: no lookaround, atomic group, reference or condition.
 */
export function isRegular(node: RegexNode): boolean {
  switch (node.kind) {
    case "sequence":
    case "choice":
      return node.nodes.every(isRegular)
    case "repeat":
    case "capture":
      return isRegular(node.node)
    case "set":
    case "assertion":
    case "keep":
      return true
    default:
      return false
  }
}
