import { decode } from "../../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../../src/config/nginx/read.ts"
import { type Mutator, pick, upTo } from "../engine/mutate.ts"
import type { Target } from "../engine/target.ts"
import { DIFFERENCES, type Verdicts } from "../oracles/nginx-differences.ts"
import { NginxTest } from "../oracles/nginx-test.ts"
import { nginx } from "./nginx.ts"

const theirs = new NginxTest()
const noFiles = {
  read(): never {
    throw new Error("no such file")
  },
  list: () => [],
}

/** The same file for us and for `nginx -t`: both take it, or both refuse it, or `DIFFERENCES` says why not. */
export const nginxPeer: Target = {
  steps: nginx.steps,
  seeds: nginx.seeds,
  words: nginx.words!,
  mutate: mutateWords,
  run(octets) {
    const text = decode(octets)
    // nginx ends its file at the first one, and files that are included are the other target's.
    if (/\0|\binclude\b/.test(text)) return
    const { config, problems } = readNginxConfig(text, theirs.path, noFiles)
    const verdicts: Verdicts = { text, problems, accepted: config !== null, theirs: theirs.ask(text) }
    if (verdicts.accepted === verdicts.theirs.accepted) return
    if (!DIFFERENCES.some(({ applies }) => applies(verdicts))) throw new Error(describe(verdicts))
  },
}

/** Words, blanks and the signs between them. */
const PIECE = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\s+|[{};]|[^\s{};]+/gs
const CHANGES_MAX = 3

/** Changes whole words and directives, so that most files are read to the end. */
function mutateWords(octets: Buffer, { random, words, other, maxOctets }: Parameters<Mutator>[1]): Buffer {
  const pieces = piecesOf(octets)
  const others = piecesOf(other)
  for (let left = 1 + upTo(random, CHANGES_MAX); left > 0; left--) {
    const at = upTo(random, pieces.length)
    const chance = random()
    if (chance < 0.3) pieces[at] = pick(random, words).toString("latin1")
    else if (chance < 0.5) pieces[at] = others.length === 0 ? "" : pick(random, others)
    else if (chance < 0.6) pieces.splice(at, 1)
    else if (chance < 0.7) pieces.splice(at, 0, " ", pick(random, words).toString("latin1"), " ")
    else if (chance < 0.9)
      pieces.splice(after(pieces, at), 0, "\n", ...directiveOf(others, upTo(random, others.length)))
    else pieces.splice(after(pieces, at), 0, "\n", ...directiveOf(pieces, upTo(random, pieces.length)))
  }
  return Buffer.from(pieces.join(""), "latin1").subarray(0, maxOctets)
}

const piecesOf = (octets: Buffer): string[] => octets.toString("latin1").match(PIECE) ?? []

/** Behind the next sign from `at` on. */
function after(pieces: readonly string[], at: number): number {
  const end = pieces.findIndex((piece, index) => index >= at && /^[{};]$/.test(piece))
  return end < 0 ? pieces.length : end + 1
}

/** From a directive's first word to its `;`, or to the end of its block. */
function directiveOf(pieces: readonly string[], from: number): readonly string[] {
  const start = after(pieces, from)
  let depth = 0
  for (let at = start; at < pieces.length; at++) {
    const piece = pieces[at]
    if (piece === "{") depth++
    if (piece === "}") depth--
    if (depth < 0) return pieces.slice(start, at)
    if (depth === 0 && (piece === ";" || piece === "}")) return pieces.slice(start, at + 1)
  }
  return pieces.slice(start)
}

/** The first line says what kind of difference it is, without what stands in quotes, so that each kind is told once. */
function describe({ text, problems, accepted, theirs }: Verdicts): string {
  const errors = problems.filter(({ severity }) => severity === "error")
  const said = accepted
    ? `nginx refuses: ${theirs.said.replace(/"[^"]*"/g, '""')}`
    : `ours refuses: ${errors[0]!.message.replace(/"[^"]*"/g, '""')}`
  const lines = errors.map(({ line, message }) => `ours    ${line}: ${message}`)
  return [said, ...lines, `nginx   ${theirs.line}: ${theirs.said}`, text].join("\n")
}
