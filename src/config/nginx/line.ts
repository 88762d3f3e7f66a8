/**
 * A line of `map`, `geo`, `split_clients` or `types`: `key value;`. There may be millions of them, so each is one small
 * object, and its words are made when they are asked for: what is changed in those is lost.
 */
import type { Directive, Span, Word } from "./ast.ts"

/** Blocks that hold lines and no directives. */
const LINE_BLOCKS: ReadonlySet<string> = new Set(["map", "geo", "split_clients", "types"])

export function holdsLines(name: string): boolean {
  return LINE_BLOCKS.has(name)
}

/** A column and a length in one number, of so many bits each. */
const BITS = 15
const MASK = 2 ** BITS - 1

class Line implements Directive {
  readonly #key: string
  readonly #value: string
  readonly #file: string
  readonly #line: number
  readonly #keyPlace: number
  readonly #valuePlace: number

  constructor(key: Word, value: Word) {
    this.#key = key.text
    this.#value = value.text
    this.#file = key.span.file
    this.#line = key.span.line
    this.#keyPlace = placeOf(key.span)
    this.#valuePlace = placeOf(value.span)
  }

  get name(): Word {
    return this.#word(this.#key, this.#keyPlace)
  }

  get args(): Word[] {
    return [this.#word(this.#value, this.#valuePlace)]
  }

  get block(): null {
    return null
  }

  #word(text: string, place: number): Word {
    const span = { file: this.#file, line: this.#line, column: place >> BITS, length: place & MASK }
    return { text, span }
  }
}

function placeOf({ column, length }: Span): number {
  return (column << BITS) | length
}

/** Null: it is not of two words on one line that is no longer than most, and is kept as any directive is. */
export function lineOf([key, value, more]: readonly Word[]): Directive | null {
  if (key === undefined || value === undefined || more !== undefined) return null
  const isOnOne = value.span.line === key.span.line
  return isOnOne && value.span.column + value.span.length <= MASK ? new Line(key, value) : null
}
