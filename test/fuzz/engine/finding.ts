import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** Something that must not be, and the input that brought it about. */
export interface Finding {
  readonly target: string
  /** "throws", "takes too long", "takes too many steps", "takes memory", "grows" */
  readonly kind: string
  readonly message: string
  readonly octets: Uint8Array
}

const CORPUS = fileURLToPath(new URL("../corpus/", import.meta.url))
const FINDINGS = fileURLToPath(new URL("../../../.cache/fuzz/", import.meta.url))

export const nameOf = (octets: Uint8Array): string =>
  createHash("sha256").update(octets).digest("hex").slice(0, 12)

/** Writes the input of a finding; returns its path from the repository's root. */
export function writeFinding({ target, kind, message, octets }: Finding): string {
  const folder = `${FINDINGS}${target}`
  mkdirSync(folder, { recursive: true })
  const name = nameOf(octets)
  writeFileSync(`${folder}/${name}`, octets)
  writeFileSync(`${folder}/${name}.txt`, `${kind}\n${message}\n`)
  return `.cache/fuzz/${target}/${name}`
}

/** Two findings of one cause say the same but for numbers and quoted octets. */
export const causeOf = ({ kind, message }: Finding): string =>
  `${kind} ${message
    .split("\n", 1)[0]!
    .replace(/\d+|"(?:[^"\\]|\\.)*"/g, "#")
    .slice(0, 80)}`

export interface CorpusFile {
  readonly name: string
  readonly octets: Buffer
}

export function readCorpus(target: string): CorpusFile[] {
  const folder = `${CORPUS}${target}`
  try {
    const names = readdirSync(folder).sort()
    return names.map((name) => ({ name, octets: readFileSync(`${folder}/${name}`) }))
  } catch {
    return []
  }
}

export const corpusFolder = (target: string): string => `${CORPUS}${target}`
