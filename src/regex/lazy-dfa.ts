/**
 * Whether a regular program matches, one table look-up per octet. States are made as texts ask for them and are
 * bounded; a state is the set of instructions that a search could be at.
 */
import { wordOctets } from "./octet-set.ts"
import { Op, type Program } from "./program.ts"

/** Of one regex, for its states; then all are forgotten and made again. In octets. */
const STATES_OCTETS_MAX = 256 * 1024
const STATE_OVERHEAD_OCTETS = 200

const UNKNOWN = -1
const MATCHES = -2
const DEAD = -3

const NEWLINE = 0x0a

/** What stands before a place. */
const BEFORE_START = 0
const BEFORE_NEWLINE = 1
const BEFORE_WORD = 2
const BEFORE_OTHER = 3
type Before = 0 | 1 | 2 | 3

interface State {
  readonly instructions: Int32Array
  readonly before: Before
}

export class LazyDfa {
  readonly #program: Program
  /** Octets that no instruction tells apart are one class. */
  readonly #classOf: Uint8Array
  /** An octet of each class. */
  readonly #octetOf: readonly number[]
  /** Classes, then a newline that ends the text, then the end. */
  readonly #width: number
  readonly #usesWords: boolean
  readonly #usesLines: boolean
  readonly #usesStart: boolean
  #states: State[] = []
  #numbers = new Map<string, number>()
  #table = new Int32Array(0)
  #octets = 0
  readonly #seen: Int32Array
  #round = 0
  readonly #stack: Int32Array

  constructor(program: Program) {
    this.#program = program
    const { assertions } = program
    this.#usesWords = assertions.some((what) => what.endsWith("word boundary"))
    this.#usesLines = assertions.some((what) => what.startsWith("line"))
    this.#usesStart = assertions.some((what) => what === "start" || what === "line start")
    const { classOf, octetOf } = classesOf(program, this.#usesWords, this.#usesLines)
    this.#classOf = classOf
    this.#octetOf = octetOf
    this.#width = octetOf.length + 2
    this.#seen = new Int32Array(program.length)
    this.#stack = new Int32Array(2 * program.length + 2)
    this.#forget()
  }

  /** `limit`: making states took more than `stepsMax` steps. */
  test(text: string, stepsMax: number): "match" | "none" | "limit" {
    const classOf = this.#classOf
    const width = this.#width
    const classes = width - 2
    const last = text.length - 1
    let stepsLeft = stepsMax
    let state = 0
    for (let at = 0; at <= text.length; at++) {
      const code = at <= last ? text.charCodeAt(at) : -1
      const symbol =
        code < 0 ? classes + 1 : code === NEWLINE && at === last ? classes : classOf[code & 0xff]!
      let next = this.#table[state * width + symbol]!
      if (next === UNKNOWN) {
        const before = this.#steps
        next = this.#step(state, symbol)
        stepsLeft -= this.#steps - before
        if (stepsLeft < 0) return "limit"
      }
      if (next === MATCHES) return "match"
      if (next === DEAD) return "none"
      state = next
    }
    return "none"
  }

  /** Instructions looked at, of all texts. */
  #steps = 0

  #step(from: number, symbol: number): number {
    const { instructions, before } = this.#states[from]!
    const classes = this.#width - 2
    const isEnd = symbol > classes
    const octet = isEnd ? -1 : symbol === classes ? NEWLINE : this.#octetOf[symbol]!
    const next = this.#follow(instructions, before, octet, symbol >= classes)
    const number =
      next === null ? MATCHES : isEnd || next.length === 0 ? DEAD : this.#intern(next, this.#beforeOf(octet))
    // Interning may have forgotten all states, this one too.
    if (this.#states[from]?.instructions === instructions) this.#table[from * this.#width + symbol] = number
    return number
  }

  #beforeOf(octet: number): Before {
    if (this.#usesLines && octet === NEWLINE) return BEFORE_NEWLINE
    if (this.#usesWords && wordOctets[octet] === 1) return BEFORE_WORD
    return BEFORE_OTHER
  }

  /** The instructions behind `octet` (-1: the end), in order; null: it matches before it. */
  #follow(from: Int32Array, before: Before, octet: number, isLast: boolean): Int32Array | null {
    const { op, x, y, sets } = this.#program
    const seen = this.#seen
    const stack = this.#stack
    const round = ++this.#round
    const next: number[] = []
    let height = 0
    for (const start of from) {
      stack[height++] = start
      while (height > 0) {
        const pc = stack[--height]!
        if (seen[pc] === round) continue
        seen[pc] = round
        this.#steps++
        switch (op[pc]) {
          case Op.match:
            return null
          case Op.octet:
            if (x[pc] === octet) next.push(this.#settled(pc + 1))
            break
          case Op.set:
            if (octet >= 0 && sets[x[pc]!]![octet] === 1) next.push(this.#settled(pc + 1))
            break
          case Op.jump:
            stack[height++] = x[pc]!
            break
          case Op.split:
          case Op.loop:
            stack[height++] = y[pc]!
            stack[height++] = x[pc]!
            break
          case Op.save:
            stack[height++] = pc + 1
            break
          default:
            if (this.#holds(x[pc]!, before, octet, isLast)) stack[height++] = pc + 1
        }
      }
    }
    if (!this.#program.isAnchored) next.push(0)
    // To sort and to find a state costs several times what it costs to look at an instruction.
    this.#steps += 8 * next.length
    return Int32Array.from(new Set(next)).sort()
  }

  /** Past what does nothing to a search that asks for no registers. */
  #settled(instruction: number): number {
    const { op, x } = this.#program
    let pc = instruction
    while (op[pc] === Op.jump || op[pc] === Op.save) pc = op[pc] === Op.jump ? x[pc]! : pc + 1
    return pc
  }

  #holds(number: number, before: Before, octet: number, isLast: boolean): boolean {
    const what = this.#program.assertions[number]!
    switch (what) {
      case "start":
        return before === BEFORE_START
      case "end":
        return octet < 0
      case "end or last newline":
        return octet < 0 || (isLast && octet === NEWLINE)
      case "line start":
        return before === BEFORE_START || (before === BEFORE_NEWLINE && octet >= 0)
      case "line end":
        return octet < 0 || octet === NEWLINE
      default: {
        const isBoundary = (before === BEFORE_WORD) !== (octet >= 0 && wordOctets[octet] === 1)
        return isBoundary === (what === "word boundary")
      }
    }
  }

  #intern(instructions: Int32Array, before: Before): number {
    const key = `${before} ${instructions.join(" ")}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const octets = STATE_OVERHEAD_OCTETS + 4 * this.#width + 4 * instructions.length + key.length
    // One state is always kept beside the first, however large.
    if (this.#octets + octets > STATES_OCTETS_MAX && this.#states.length > 1) this.#forget()
    this.#octets += octets
    return this.#add(key, { instructions, before })
  }

  #add(key: string, state: State): number {
    const number = this.#states.push(state) - 1
    this.#numbers.set(key, number)
    const start = number * this.#width
    if (start + this.#width > this.#table.length) {
      const larger = new Int32Array(Math.max(2 * this.#table.length, start + this.#width))
      larger.set(this.#table)
      this.#table = larger
    }
    this.#table.fill(UNKNOWN, start, start + this.#width)
    return number
  }

  /** Back to the state at the start of a text, number 0. */
  #forget(): void {
    this.#states = []
    this.#numbers = new Map()
    this.#table = new Int32Array(4 * this.#width)
    this.#octets = 0
    this.#add("", { instructions: Int32Array.of(0), before: this.#usesStart ? BEFORE_START : BEFORE_OTHER })
  }
}

function classesOf(
  { op, x, sets }: Program,
  usesWords: boolean,
  usesLines: boolean,
): { classOf: Uint8Array; octetOf: number[] } {
  const classOf = new Uint8Array(256)
  let count = 1
  const divide = (isIn: (octet: number) => boolean): void => {
    const inner = new Map<number, number>()
    const members = new Uint32Array(256)
    for (let octet = 0; octet < 256; octet++) members[classOf[octet]!]!++
    for (let octet = 0; octet < 256; octet++) {
      if (!isIn(octet)) continue
      const old = classOf[octet]!
      inner.set(old, (inner.get(old) ?? 0) + 1)
    }
    const renamed = new Map<number, number>()
    for (const [old, within] of inner) if (within < members[old]!) renamed.set(old, count++)
    for (let octet = 0; octet < 256; octet++) {
      const other = isIn(octet) ? renamed.get(classOf[octet]!) : undefined
      if (other !== undefined) classOf[octet] = other
    }
  }
  const octets = new Set<number>()
  for (const [pc, each] of op.entries()) if (each === Op.octet) octets.add(x[pc]!)
  for (const only of octets) divide((octet) => octet === only)
  for (const set of sets) divide((octet) => set[octet] === 1)
  if (usesWords) divide((octet) => wordOctets[octet] === 1)
  if (usesLines) divide((octet) => octet === NEWLINE)
  return { classOf, octetOf: Array.from({ length: count }, (_, each) => classOf.indexOf(each)) }
}
