/** A pattern as a program for the matcher and the automaton. */
import { factorChoice } from "./factor.ts"
import type { AssertionKind, ParsedRegex, RegexNode } from "./node.ts"
import { keyOf, type OctetSet, onlyOctet } from "./octet-set.ts"
import { fixedLength, isAnchored, isRegular, shapeOf } from "./shape.ts"
import { RegexSyntaxError } from "./syntax-error.ts"

/** Instructions of one program, repeats written out: far beyond what people write, and small enough for each regex. */
export const INSTRUCTIONS_MAX = 50_000

/** `x`, `y`, `z` as the comment says. Where nothing else is said, the next instruction follows. */
export const Op = {
  match: 0,
  /** The octet x. */
  octet: 1,
  /** An octet of the set number x. */
  set: 2,
  /** First x, then y. */
  split: 3,
  jump: 4,
  /** The place into register x. */
  save: 5,
  /** The assertion number x. */
  assert: 6,
  /**
   * The end of a loop's body: as `split`; after a round that matched nothing (register z) on to what is not the body.
   */
  loop: 7,
  /** The text of group list x; y: without regard to case. */
  reference: 8,
  /** x octets back. */
  back: 9,
  /** Begins what is decided by itself: register x has the height of the stack, x + 1 the place. */
  enter: 10,
  /** An atomic group ends. */
  cut: 11,
  /** Lookaround that had to match has: on from where it began. */
  found: 12,
  /** Begins negative lookaround; y: where to go on when it does not match. */
  enterNot: 13,
  /** What must not match has. */
  foundNot: 14,
  /** On if a group of list x is set, else to y. */
  ifSet: 15,
  /** Group x ends; it began where register y says. A reference within sees the group as it was before. */
  capture: 16,
} as const

export interface Program {
  readonly op: Uint8Array
  readonly x: Int32Array
  readonly y: Int32Array
  readonly z: Int32Array
  readonly length: number
  readonly sets: readonly OctetSet[]
  readonly assertions: readonly AssertionKind[]
  readonly groupLists: readonly (readonly number[])[]
  /** 2 for the match and each group, then those of loops and of what is decided by itself. */
  readonly registers: number
  /** By instruction: its first row in what is remembered of a match, for those that have a choice. */
  readonly memory: Int32Array
  /**
   * By instruction: registers of the loops around it of which a round may match nothing, the innermost first. What a
   * choice leads to depends on how many of these rounds have matched nothing yet: so many rows it has, and one.
   */
  readonly loops: readonly (readonly number[])[]
  readonly memoryRows: number
  readonly isAnchored: boolean
  /** See `isRegular` in shape.ts. */
  readonly isRegular: boolean
  /** What a match can begin with; null: with anything, or with nothing. */
  readonly first: OctetSet | null
}

/** Errors: throws RegexSyntaxError for what is too large or has no fixed length behind. */
export function compileProgram({ node, groups }: ParsedRegex): Program {
  return new Compiler(node, groups).run()
}

class Compiler {
  readonly #root: RegexNode
  readonly #op: number[] = []
  readonly #x: number[] = []
  readonly #y: number[] = []
  readonly #z: number[] = []
  readonly #sets: OctetSet[] = []
  readonly #assertions: AssertionKind[] = []
  readonly #isRegular: boolean
  /** See `Program.loops`. */
  readonly #loopsOf: (readonly number[])[] = []
  #loops: readonly number[] = []
  readonly #setNumbers = new Map<string, number>()
  readonly #groupLists: (readonly number[])[] = []
  #registers: number

  constructor(root: RegexNode, groups: number) {
    this.#root = root
    this.#isRegular = isRegular(root)
    this.#registers = 2 * (groups + 1)
  }

  run(): Program {
    const root = this.#root
    this.#emit(Op.save, 0)
    this.#node(root)
    this.#emit(Op.save, 1)
    this.#emit(Op.match)
    const { isNullable, first } = shapeOf(root)
    const op = Uint8Array.from(this.#op)
    let memoryRows = 0
    const memory = Int32Array.from(op, (each, pc) => {
      if (each !== Op.split && each !== Op.loop) return -1
      const row = memoryRows
      memoryRows += this.#loopsOf[pc]!.length + 1
      return row
    })
    return {
      op,
      x: Int32Array.from(this.#x),
      y: Int32Array.from(this.#y),
      z: Int32Array.from(this.#z),
      length: op.length,
      sets: this.#sets,
      assertions: this.#assertions,
      groupLists: this.#groupLists,
      registers: this.#registers,
      memory,
      loops: this.#loopsOf,
      memoryRows,
      isAnchored: isAnchored(root),
      isRegular: this.#isRegular,
      first: isNullable ? null : first,
    }
  }

  get #next(): number {
    return this.#op.length
  }

  #emit(op: number, x = 0, y = 0, z = 0): number {
    if (this.#op.length >= INSTRUCTIONS_MAX) this.#tooLarge()
    this.#x.push(x)
    this.#y.push(y)
    this.#z.push(z)
    this.#loopsOf.push(this.#loops)
    return this.#op.push(op) - 1
  }

  #tooLarge(): never {
    const message = `it is too large: more than ${INSTRUCTIONS_MAX} steps with its repeats written out`
    throw new RegexSyntaxError(message, 0)
  }

  /** Parts looked at: repeats of what is empty write nothing out, and end all the same. */
  #visits = 0

  #node(node: RegexNode): void {
    if (++this.#visits > 4 * INSTRUCTIONS_MAX) this.#tooLarge()
    switch (node.kind) {
      case "set":
        return this.#set(node.set)
      case "sequence":
        for (const each of node.nodes) this.#node(each)
        return
      case "choice": {
        const factored = factorChoice(node.nodes)
        if (factored.kind === "choice") this.#choice(factored.nodes)
        else this.#node(factored)
        return
      }
      case "repeat":
        return this.#repeat(node)
      case "capture":
        return this.#capture(node)
      case "assertion": {
        const known = this.#assertions.indexOf(node.what)
        this.#emit(Op.assert, known < 0 ? this.#assertions.push(node.what) - 1 : known)
        return
      }
      case "keep":
        this.#emit(Op.save, 0)
        return
      case "atomic":
        return this.#atomic(node.node)
      case "look":
        return node.isNegative ? this.#lookNot(node) : this.#look(node)
      case "reference":
        this.#emit(Op.reference, this.#groupLists.push(node.groups) - 1, node.isCaseless ? 1 : 0)
        return
      case "condition":
        return this.#condition(node)
    }
  }

  #capture({ index, node }: Extract<RegexNode, { kind: "capture" }>): void {
    const register = this.#isRegular ? 2 * index : this.#register(1)
    this.#emit(Op.save, register)
    this.#node(node)
    if (this.#isRegular) this.#emit(Op.save, 2 * index + 1)
    else this.#emit(Op.capture, index, register)
  }

  #set(set: OctetSet): void {
    const only = onlyOctet(set)
    if (only >= 0) {
      this.#emit(Op.octet, only)
      return
    }
    const key = keyOf(set)
    const known = this.#setNumbers.get(key)
    if (known === undefined) this.#setNumbers.set(key, this.#sets.push(set) - 1)
    this.#emit(Op.set, known ?? this.#sets.length - 1)
  }

  #choice(branches: readonly RegexNode[]): void {
    const ends: number[] = []
    for (const [index, branch] of branches.entries()) {
      if (index === branches.length - 1) {
        this.#node(branch)
        break
      }
      const split = this.#emit(Op.split)
      this.#x[split] = this.#next
      this.#node(branch)
      ends.push(this.#emit(Op.jump))
      this.#y[split] = this.#next
    }
    for (const end of ends) this.#x[end] = this.#next
  }

  #repeat({ node, min, max, isLazy }: Extract<RegexNode, { kind: "repeat" }>): void {
    const isUnbounded = max === Infinity
    for (let count = isUnbounded ? 1 : 0; count < min; count++) this.#node(node)
    if (isUnbounded) return this.#loop(node, min > 0, isLazy)
    const skips: number[] = []
    for (let count = min; count < max; count++) {
      skips.push(this.#emit(Op.split))
      this.#node(node)
    }
    for (const skip of skips) this.#branch(skip, skip + 1, this.#next, isLazy)
  }

  /** Body, then a choice: that way a round that matched nothing goes on behind the loop, as in PCRE. */
  #loop(node: RegexNode, isAtLeastOnce: boolean, isLazy: boolean): void {
    const skip = isAtLeastOnce ? -1 : this.#emit(Op.split)
    const body = this.#next
    const register = shapeOf(node).isNullable ? this.#register(1) : -1
    const around = this.#loops
    if (register >= 0) {
      this.#emit(Op.save, register)
      this.#loops = [register, ...around]
    }
    this.#node(node)
    const loop = this.#emit(Op.loop, 0, 0, register)
    this.#loops = around
    this.#branch(loop, body, this.#next, isLazy)
    if (skip >= 0) this.#branch(skip, body, this.#next, isLazy)
  }

  #branch(at: number, into: number, past: number, isLazy: boolean): void {
    this.#x[at] = isLazy ? past : into
    this.#y[at] = isLazy ? into : past
  }

  #register(count: number): number {
    const register = this.#registers
    this.#registers += count
    return register
  }

  #atomic(node: RegexNode): void {
    const register = this.#register(2)
    this.#emit(Op.enter, register)
    this.#node(node)
    this.#emit(Op.cut, register)
  }

  #look({ node, isBehind }: Extract<RegexNode, { kind: "look" }>): void {
    const register = this.#register(2)
    this.#emit(Op.enter, register)
    this.#lookedAt(node, isBehind)
    this.#emit(Op.found, register)
  }

  #lookNot({ node, isBehind }: Extract<RegexNode, { kind: "look" }>): void {
    const register = this.#register(2)
    const enter = this.#emit(Op.enterNot, register)
    this.#lookedAt(node, isBehind)
    this.#emit(Op.foundNot, register)
    this.#y[enter] = this.#next
  }

  /** Behind, each branch has its own length. */
  #lookedAt(node: RegexNode, isBehind: boolean): void {
    if (!isBehind) return this.#node(node)
    const branches = node.kind === "choice" ? node.nodes : [node]
    const ends: number[] = []
    for (const [index, branch] of branches.entries()) {
      const length = fixedLength(branch)
      if (length === null) throw new RegexSyntaxError("a lookbehind has no fixed length", 0)
      const split = index < branches.length - 1 ? this.#emit(Op.split) : -1
      if (split >= 0) this.#x[split] = this.#next
      this.#emit(Op.back, length)
      this.#node(branch)
      if (split < 0) break
      ends.push(this.#emit(Op.jump))
      this.#y[split] = this.#next
    }
    for (const end of ends) this.#x[end] = this.#next
  }

  #condition({ groups, whenSet, whenNot }: Extract<RegexNode, { kind: "condition" }>): void {
    const test = this.#emit(Op.ifSet, this.#groupLists.push(groups) - 1)
    this.#node(whenSet)
    const end = this.#emit(Op.jump)
    this.#y[test] = this.#next
    this.#node(whenNot)
    this.#x[end] = this.#next
  }
}
