/**
 * YAML text as plain values that remember where they stand.
 *
 * Bounded: text of 1 MiB, 64 levels, 50,000 values with aliases expanded, so that no document however small grows
 * beyond that. Plain maps, lists, text, numbers, true/false and null; nothing else of YAML's tags.
 */
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLError,
} from "yaml"

export const FILE_OCTETS_MAX = 1024 * 1024
const DEPTH_MAX = 64
const VALUES_MAX = 50_000

/** From where to where, in UTF-16 code units of the text. */
export interface Span {
  start: number
  end: number
}

export interface Located {
  value: unknown
  span: Span
  /** Where the key stands under which the value was found. */
  key: Span | null
  children: Map<string | number, Located>
}

export interface SyntaxFault extends Span {
  message: string
}

/** The document's value, null where there is none or its syntax is broken, and what is wrong with it so far. */
export function parseLocated(text: string): { root: Located | null; faults: SyntaxFault[] } {
  if (text.length > FILE_OCTETS_MAX) {
    return { root: null, faults: [{ start: 0, end: 1, message: "the file is larger than 1 MiB" }] }
  }
  try {
    // Uniqueness of keys is checked below, in linear time.
    const document = parseDocument(text, { prettyErrors: false, uniqueKeys: false, version: "1.2" })
    const reader = new Reader()
    for (const error of [...document.errors, ...document.warnings])
      reader.fault(spanOf(error), wordingOf(error))
    // What broken syntax leaves over is not worth a look.
    const { contents, errors } = document
    return {
      root: contents === null || errors.length > 0 ? null : reader.read(contents, null, 0),
      faults: reader.faults,
    }
  } catch (error) {
    if (error instanceof TooMuch) return { root: null, faults: [error.fault] }
    if (error instanceof RangeError)
      return { root: null, faults: [{ start: 0, end: 1, message: "nested too deeply" }] }
    throw error
  }
}

/** Ends the reading of a document that is beyond its bounds. */
class TooMuch extends Error {
  readonly fault: SyntaxFault

  constructor(span: Span, message: string) {
    super(message)
    this.fault = { ...span, message }
  }
}

class Reader {
  readonly faults: SyntaxFault[] = []
  readonly #anchors = new Map<string, Node>()
  #values = 0

  fault(span: Span, message: string): void {
    this.faults.push({ start: span.start, end: Math.max(span.end, span.start + 1), message })
  }

  read(node: Node, key: Span | null, depth: number): Located {
    const span = rangeOf(node)
    if (++this.#values > VALUES_MAX)
      throw new TooMuch(span, `more than ${VALUES_MAX} values, aliases included`)
    if (depth > DEPTH_MAX) throw new TooMuch(span, `nested more than ${DEPTH_MAX} levels deep`)
    if (isAlias(node)) return this.#alias(node, key, depth)
    const located = this.#content(node, span, key, depth)
    // Only now, so that an alias inside its own anchor is unknown rather than endless.
    if ("anchor" in node && node.anchor !== undefined) this.#anchors.set(node.anchor, node)
    return located
  }

  #alias(alias: Alias, key: Span | null, depth: number): Located {
    const target = this.#anchors.get(alias.source)
    if (target !== undefined) return this.read(target, key, depth + 1)
    this.fault(rangeOf(alias), `there is no anchor "&${alias.source}" before this`)
    return { value: null, span: rangeOf(alias), key, children: new Map() }
  }

  #content(node: Node, span: Span, key: Span | null, depth: number): Located {
    const children = new Map<string | number, Located>()
    if (isSeq(node)) {
      for (const [index, item] of node.items.entries())
        children.set(index, this.read(item as Node, null, depth + 1))
      return { value: [...children.values()].map(({ value }) => value), span, key, children }
    }
    if (isMap(node)) {
      for (const pair of node.items) this.#pair(pair as { key: Node; value: Node | null }, children, depth)
      return {
        value: Object.fromEntries([...children].map(([name, { value }]) => [name, value])),
        span,
        key,
        children,
      }
    }
    return { value: (node as Scalar).value, span, key, children }
  }

  #pair(
    pair: { key: Node; value: Node | null },
    children: Map<string | number, Located>,
    depth: number,
  ): void {
    const span = rangeOf(pair.key)
    const name =
      isScalar<string | number | boolean | null>(pair.key) && pair.key.value !== null
        ? String(pair.key.value)
        : null
    if (name === null) this.fault(span, "a key must be text")
    else if (name === "__proto__") this.fault(span, 'unknown key "__proto__"')
    else if (children.has(name)) this.fault(span, `the key "${name}" is there twice`)
    else {
      const empty = { value: null, span, key: span, children: new Map() }
      children.set(name, pair.value === null ? empty : this.read(pair.value, span, depth + 1))
    }
  }
}

function rangeOf(node: Node): Span {
  const [start, end] = node.range ?? [0, 1]
  return { start, end }
}

function spanOf(error: YAMLError): Span {
  return { start: error.pos[0], end: error.pos[1] }
}

/** One sentence, lower case first, as all problems read. */
function wordingOf({ code, message }: YAMLError): string {
  if (code === "MULTIPLE_DOCS") return "a second document begins here; the file must hold one"
  if (code === "TAG_RESOLVE_FAILED") return "YAML tags have no meaning here"
  const sentence = message.split("\n")[0]!.replace(/\.$/, "")
  return `not YAML: ${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`
}
