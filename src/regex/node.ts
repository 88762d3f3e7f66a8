import type { OctetSet } from "./octet-set.ts"

export type AssertionKind =
  /** `\A`, `\G`, and `^` without `(?m)`. */
  | "start"
  /** `\z`. */
  | "end"
  /** `\Z`, and `$` without `(?m)`: before a newline that ends the text too. */
  | "end or last newline"
  /** `^` with `(?m)`. */
  | "line start"
  /** `$` with `(?m)`. */
  | "line end"
  | "word boundary"
  | "no word boundary"

/** A pattern, read. Letters of both cases are resolved into sets, and names of groups into numbers. */
export type RegexNode =
  | { readonly kind: "set"; readonly set: OctetSet }
  /** In a row; empty: the empty text. */
  | { readonly kind: "sequence"; readonly nodes: readonly RegexNode[] }
  /** The first that leads to a match. */
  | { readonly kind: "choice"; readonly nodes: readonly RegexNode[] }
  | {
      readonly kind: "repeat"
      readonly node: RegexNode
      readonly min: number
      /** Infinity: no upper bound. */
      readonly max: number
      readonly isLazy: boolean
    }
  | { readonly kind: "capture"; readonly index: number; readonly node: RegexNode }
  | { readonly kind: "assertion"; readonly what: AssertionKind }
  /** `\K`: what is matched begins here. */
  | { readonly kind: "keep" }
  /** `(?>`, and what a possessive quantifier holds. */
  | { readonly kind: "atomic"; readonly node: RegexNode }
  /** Lookahead and lookbehind. */
  | {
      readonly kind: "look"
      readonly node: RegexNode
      readonly isBehind: boolean
      readonly isNegative: boolean
    }
  /** The first of these groups that is set. */
  | { readonly kind: "reference"; readonly groups: readonly number[]; readonly isCaseless: boolean }
  /** `(?(1)a|b)`: by whether one of these groups is set. */
  | {
      readonly kind: "condition"
      readonly groups: readonly number[]
      readonly whenSet: RegexNode
      readonly whenNot: RegexNode
    }

export const emptyNode: RegexNode = { kind: "sequence", nodes: [] }

/** What is read of a pattern. */
export interface ParsedRegex {
  readonly node: RegexNode
  /** Groups that capture, the whole match not counted. */
  readonly groups: number
  /** The numbers of each name: several with `(?J)` and within `(?|`. */
  readonly names: ReadonlyMap<string, readonly number[]>
}

export function sequence(nodes: readonly RegexNode[]): RegexNode {
  return nodes.length === 1 ? nodes[0]! : { kind: "sequence", nodes }
}

export function choice(nodes: readonly RegexNode[]): RegexNode {
  return nodes.length === 1 ? nodes[0]! : { kind: "choice", nodes }
}
