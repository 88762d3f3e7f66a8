/** Puts included files in the place of `include`. */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, isAbsolute, join } from "node:path"
import type { Directive, Word } from "./ast.ts"
import { expandGlob, isGlob } from "./glob.ts"
import { holdsLines } from "./line.ts"
import { parse } from "./parser.ts"
import type { Report } from "./report.ts"

/** How files are reached; tests hand in their own. */
export interface ConfigFiles {
  /** The octets of a file. Throws when it cannot be read, as node:fs does. */
  read(path: string): Uint8Array
  /** The names in a directory; empty when there is none. */
  list(directory: string): string[]
}

export const diskFiles: ConfigFiles = {
  read: (path) => readFileSync(path),
  list(directory) {
    try {
      return readdirSync(directory)
    } catch {
      return []
    }
  },
}

/**
 * As `diskFiles`, for who asks more than once. A pipe (`/dev/stdin`, `<(…)`) is empty the second time: what is no regular
 * file is read once, and stays as it was.
 */
export function rereadableFiles(): ConfigFiles {
  const piped = new Map<string, Uint8Array>()
  return {
    ...diskFiles,
    read(path) {
      const known = piped.get(path)
      if (known !== undefined) return known
      const octets = diskFiles.read(path)
      if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) piped.set(path, octets)
      return octets
    },
  }
}

/** Bounds of one configuration, includes counted each time: against loops, and against reading a disk by mistake. */
const FILES_MAX = 1000
const OCTETS_MAX = 32 * 1024 * 1024

/** A file with all it includes. Paths are relative to the first file's directory, as in nginx. */
export class Inclusion {
  readonly sources = new Map<string, string>()
  readonly #files: ConfigFiles
  readonly #report: Report
  readonly #directory: string
  #filesRead = 0
  #octetsRead = 0

  constructor(path: string, files: ConfigFiles, report: Report) {
    this.#directory = dirname(path)
    this.#files = files
    this.#report = report
  }

  /** @param text of the first file, already read */
  expandFirst(path: string, text: string): Directive[] {
    this.sources.set(path, text)
    return this.#expand(parse(text, path, this.#report), [path])
  }

  /** @param isLines they are those of a `map` or its like */
  #expand(directives: Directive[], stack: readonly string[], isLines = false): Directive[] {
    // Most blocks include nothing, and a map may have millions of lines: those stay the array that they are.
    if (directives.every(({ name, block }) => block === null && name.text !== "include")) return directives
    return directives.flatMap((directive) => {
      if (directive.block !== null) {
        const block = this.#expand(directive.block, stack, holdsLines(directive.name.text))
        return [{ ...directive, block }]
      }
      const isInclude = directive.name.text === "include" && directive.args.length === 1
      return isInclude ? this.#include(directive.args[0]!, stack, isLines) : [directive]
    })
  }

  #include(word: Word, stack: readonly string[], isLines: boolean): Directive[] {
    const path = isAbsolute(word.text) ? word.text : join(this.#directory, word.text)
    const paths = isGlob(path) ? expandGlob(path, (directory) => this.#files.list(directory)) : [path]
    return paths.flatMap((each) => {
      if (stack.includes(each)) {
        this.#report.error(word.span, `"${each}" includes itself`)
        return []
      }
      const text = this.#read(each, word)
      return text === null
        ? []
        : this.#expand(parse(text, each, this.#report, isLines), [...stack, each], isLines)
    })
  }

  #read(path: string, word: Word): string | null {
    if (this.#filesRead >= FILES_MAX || this.#octetsRead > OCTETS_MAX) {
      this.#report.error(word.span, `more than ${FILES_MAX} files or ${OCTETS_MAX} octets are included`)
      return null
    }
    this.#filesRead++
    try {
      const text = decode(this.#files.read(path))
      this.#octetsRead += text.length
      this.sources.set(path, text)
      return text
    } catch (error) {
      this.#report.error(word.span, `cannot read "${path}": ${(error as Error).message}`)
      return null
    }
  }
}

/** UTF-8, a byte order mark kept. What is none becomes U+FFFD, which only comments may hold. */
export function decode(octets: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(octets)
}
