/**
 * Runs a program over a text as PCRE does: of all matches the one that begins first, and of those the one that a
 * backtracking search meets first.
 *
 * A choice that has failed at a place fails there again, whatever led to it, where the pattern is regular: it is
 * remembered, so that the whole costs no more than instructions times octets. Where the pattern is not, steps are
 * counted.
 */
import { otherCase, wordOctets } from "./octet-set.ts"
import { Op, type Program } from "./program.ts"

/** Bits of what is remembered of one match; beyond, it is given up. 8 MiB. */
const MEMORY_BITS_MAX = 2 ** 26
/** Scratch of this size is kept from match to match, in numbers of 32 bits. */
const SCRATCH_KEPT = 64 * 1024

const NEWLINE = 0x0a

/** Two numbers a frame: an instruction and a place to try, or -1 - register and what it was before. */
let stack = new Int32Array(1024)
let memory = new Uint32Array(1024)

/** The registers of a match; `none`; `limit`: given up after `stepsMax` steps. */
export function runProgram(program: Program, text: string, stepsMax: number): Int32Array | "none" | "limit" {
  const registers = new Int32Array(program.registers).fill(-1)
  const isRemembering = program.isRegular && program.memoryRows > 0
  if (isRemembering) {
    const bits = program.memoryRows * (text.length + 1)
    if (bits > MEMORY_BITS_MAX) return "limit"
    const words = (bits >>> 5) + 1
    if (words > memory.length) memory = new Uint32Array(words)
    else memory.fill(0, 0, words)
  }
  const run = new Run(program, text, registers, isRemembering, stepsMax)
  const outcome = run.search()
  if (stack.length > SCRATCH_KEPT) stack = new Int32Array(1024)
  if (memory.length > SCRATCH_KEPT) memory = new Uint32Array(1024)
  return outcome === "match" ? registers : outcome
}

class Run {
  readonly #program: Program
  readonly #text: string
  readonly #registers: Int32Array
  readonly #isRemembering: boolean
  #stepsLeft: number
  #height = 0

  constructor(
    program: Program,
    text: string,
    registers: Int32Array,
    isRemembering: boolean,
    stepsMax: number,
  ) {
    this.#program = program
    this.#text = text
    this.#registers = registers
    this.#isRemembering = isRemembering
    this.#stepsLeft = stepsMax
  }

  search(): "match" | "none" | "limit" {
    const { isAnchored, first } = this.#program
    const text = this.#text
    const last = isAnchored ? 0 : text.length
    for (let start = 0; start <= last; start++) {
      if (first !== null && (start === text.length || first[text.charCodeAt(start)] !== 1)) continue
      if (this.#from(start)) return "match"
      if (this.#stepsLeft < 0) return "limit"
    }
    return "none"
  }

  /** A match that begins at `start`. When steps run out it is none, and `#stepsLeft` is below 0. */
  #from(start: number): boolean {
    const { op, x, y, z, sets } = this.#program
    const text = this.#text
    const end = text.length
    const registers = this.#registers
    let pc = 0
    let at = start
    for (;;) {
      if (--this.#stepsLeft < 0) return false
      let isFailed = false
      switch (op[pc]) {
        case Op.match:
          return true
        case Op.octet:
          if (at < end && text.charCodeAt(at) === x[pc]) at++
          else isFailed = true
          pc++
          break
        case Op.set:
          if (at < end && sets[x[pc]!]![text.charCodeAt(at)] === 1) at++
          else isFailed = true
          pc++
          break
        case Op.jump:
          pc = x[pc]!
          break
        case Op.split:
          if (this.#isRemembering && this.#isKnown(pc, at)) isFailed = true
          else {
            this.#push(y[pc]!, at)
            pc = x[pc]!
          }
          break
        case Op.loop:
          // After a round that matched nothing the loop is over.
          if (z[pc]! >= 0 && registers[z[pc]!] === at) pc++
          else if (this.#isRemembering && this.#isKnown(pc, at)) isFailed = true
          else {
            this.#push(y[pc]!, at)
            pc = x[pc]!
          }
          break
        case Op.save:
          this.#save(x[pc]!, at)
          pc++
          break
        case Op.assert:
          isFailed = !this.#holds(x[pc]!, at)
          pc++
          break
        default: {
          const next = this.#special(pc, at)
          isFailed = next < 0
          at = this.#at
          pc = next
        }
      }
      if (!isFailed) continue
      if (!this.#backtrack()) return false
      pc = this.#pc
      at = this.#at
    }
  }

  // ---- Choices ------------------------------------------------------------------------------------------------

  #pc = 0
  #at = 0

  /** Takes up the last choice that is left, and puts registers back to what they were then. */
  #backtrack(): boolean {
    while (this.#height > 0) {
      const height = (this.#height -= 2)
      const pc = stack[height]!
      const value = stack[height + 1]!
      if (pc < 0) {
        this.#registers[-1 - pc] = value
        continue
      }
      this.#pc = pc
      this.#at = value
      return true
    }
    return false
  }

  #push(pc: number, at: number): void {
    if (this.#height + 2 > stack.length) {
      const larger = new Int32Array(stack.length * 2)
      larger.set(stack)
      stack = larger
    }
    stack[this.#height] = pc
    stack[this.#height + 1] = at
    this.#height += 2
  }

  #save(register: number, value: number): void {
    this.#push(-1 - register, this.#registers[register]!)
    this.#registers[register] = value
  }

  /** True when this choice was made here before; from now on it was. */
  #isKnown(pc: number, at: number): boolean {
    const { memory: rows, loops } = this.#program
    let row = rows[pc]!
    // Rounds of inner loops began later: the first that has matched something ends the count.
    for (const register of loops[pc]!) {
      if (this.#registers[register] !== at) break
      row++
    }
    const bit = row * (this.#text.length + 1) + at
    const mask = 1 << (bit & 31)
    const before = memory[bit >>> 5]!
    memory[bit >>> 5] = before | mask
    return (before & mask) !== 0
  }

  // ---- Assertions and what is not regular ----------------------------------------------------------------------

  #holds(number: number, at: number): boolean {
    const text = this.#text
    const isLast = at === text.length
    const what = this.#program.assertions[number]!
    switch (what) {
      case "start":
        return at === 0
      case "end":
        return isLast
      case "end or last newline":
        return isLast || (at === text.length - 1 && text.charCodeAt(at) === NEWLINE)
      case "line start":
        return at === 0 || (!isLast && text.charCodeAt(at - 1) === NEWLINE)
      case "line end":
        return isLast || text.charCodeAt(at) === NEWLINE
      default: {
        const isBoundary = this.#isWord(at - 1) !== this.#isWord(at)
        return isBoundary === (what === "word boundary")
      }
    }
  }

  #isWord(at: number): boolean {
    return at >= 0 && at < this.#text.length && wordOctets[this.#text.charCodeAt(at)] === 1
  }

  /** The next instruction, with the place in `#at`; -1: failed. */
  #special(pc: number, at: number): number {
    const { op, x, y, groupLists } = this.#program
    const registers = this.#registers
    const register = x[pc]!
    this.#at = at
    switch (op[pc]) {
      case Op.reference:
        return this.#refer(groupLists[register]!, y[pc] === 1) ? pc + 1 : -1
      case Op.back:
        this.#at = at - register
        return this.#at < 0 ? -1 : pc + 1
      case Op.enter:
        this.#enter(register, at)
        return pc + 1
      case Op.enterNot:
        this.#enter(register, at)
        this.#push(y[pc]!, at)
        return pc + 1
      case Op.found:
        this.#at = registers[register + 1]!
        this.#cutTo(registers[register]!)
        return pc + 1
      case Op.cut:
        this.#cutTo(registers[register]!)
        return pc + 1
      case Op.capture:
        this.#save(2 * register, registers[y[pc]!]!)
        this.#save(2 * register + 1, at)
        return pc + 1
      case Op.foundNot:
        this.#undoTo(registers[register]!)
        return -1
      default:
        return groupLists[register]!.some((group) => registers[2 * group + 1]! >= 0) ? pc + 1 : y[pc]!
    }
  }

  #enter(register: number, at: number): void {
    this.#save(register + 1, at)
    this.#save(register, 0)
    this.#registers[register] = this.#height
  }

  /** Drops the choices above `height`; what registers were stays, for those who go back further. */
  #cutTo(height: number): void {
    let to = height
    for (let from = height; from < this.#height; from += 2) {
      if (stack[from]! >= 0) continue
      stack[to] = stack[from]!
      stack[to + 1] = stack[from + 1]!
      to += 2
    }
    this.#stepsLeft -= (this.#height - height) >> 3
    this.#height = to
  }

  /** Drops all above `height`, and puts registers back. */
  #undoTo(height: number): void {
    while (this.#height > height) {
      this.#height -= 2
      const pc = stack[this.#height]!
      if (pc < 0) this.#registers[-1 - pc] = stack[this.#height + 1]!
    }
  }

  /** A group that is not set is matched by nothing, as in PCRE. */
  #refer(groups: readonly number[], isCaseless: boolean): boolean {
    const registers = this.#registers
    const group = groups.find((each) => registers[2 * each + 1]! >= 0)
    if (group === undefined) return false
    const from = registers[2 * group]!
    const length = registers[2 * group + 1]! - from
    this.#stepsLeft -= length >> 2
    for (let index = 0; index < length; index++) {
      const wanted = this.#text.charCodeAt(from + index)
      const found = this.#text.charCodeAt(this.#at + index)
      if (wanted !== found && !(isCaseless && otherCase(wanted) === found)) return false
    }
    this.#at += length
    return true
  }
}
