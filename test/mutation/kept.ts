import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import type { Mutant } from "./instrument.ts"
import type { Baseline, Measured, Verdict } from "./runner.ts"
import type { Job } from "./worker.ts"

const ROOT = new URL("../../", import.meta.url)

const WRITE_EVERY_MS = 30_000

/** What one file of tests did without a mutant. */
interface KeptFile {
  readonly hash: string
  readonly tests: readonly Measured[]
  readonly broken: readonly string[]
  readonly slow: readonly string[]
}

/** What is known of one mutant: the test that found it, or those that did not. */
interface KeptFate {
  readonly found?: { readonly outcome: "killed" | "timed out"; readonly by: string; readonly key: string }
  readonly tried: readonly string[]
}

interface Page {
  /** Of all sources: measurements count mutants through all of them. */
  sources: string
  atLoad: number[]
  readonly measured: Record<string, KeptFile>
  /** By source file, and by the mutant's place among the file's. */
  readonly fates: Record<string, { hash: string; of: Record<number, KeptFate> }>
}

/**
 * What earlier runs found of mutants whose file is as it was, by tests whose file is as it was. A change of any other
 * file is not looked for: who asks for a number without doubt begins anew.
 */
export class Kept {
  readonly #url: URL
  readonly #page: Page
  #writtenMs = performance.now()
  readonly #hashes = new Map<string, string>()
  readonly #firsts = new Map<string, number>()
  /** Of the tests there are. */
  #keys: ReadonlySet<string> = new Set()

  /** `texts`: by path, the sources with their mutants, which are all of `mutants`. */
  constructor(room: string, texts: ReadonlyMap<string, string>, mutants: readonly Mutant[]) {
    this.#url = new URL(`.cache/mutation/${room}.json`, ROOT)
    this.#page = read(this.#url)
    for (const { id, file } of mutants) if (!this.#firsts.has(file)) this.#firsts.set(file, id)
    const sources = hashOf([...texts.values()].join("\0"))
    if (this.#page.sources !== sources) {
      Object.assign(this.#page, { sources, atLoad: [], measured: {} })
    }
    for (const [file, text] of texts) {
      // Numbers of mutants are the text's only difference between two sets of sources.
      const hash = hashOf(text.replaceAll(/__on\(\d+\)/g, ""))
      if (this.#page.fates[file]?.hash !== hash) this.#page.fates[file] = { hash, of: {} }
    }
  }

  /** Those of `files` that are to be measured. */
  unmeasured(files: readonly string[]): string[] {
    return files.filter((file) => this.#page.measured[file]?.hash !== this.#hashOf(file))
  }

  keepMeasured(files: readonly string[], { tests, broken, slow, atLoad }: Baseline): void {
    const page = this.#page
    page.atLoad = [...new Set([...page.atLoad, ...atLoad])]
    for (const file of files) {
      const isOf = (name: string): boolean => name.startsWith(`${file}: `)
      page.measured[file] = {
        hash: this.#hashOf(file),
        tests: tests.filter((test) => test.file === file),
        broken: broken.filter(isOf),
        slow: slow.filter(isOf),
      }
    }
  }

  baselineOf(files: readonly string[]): Baseline {
    const kept = files.map((file) => this.#page.measured[file]!)
    const tests = kept.flatMap((one) => one.tests)
    this.#keys = new Set(tests.map((test) => this.#keyOf(test)))
    return {
      tests,
      atLoad: this.#page.atLoad,
      broken: kept.flatMap(({ broken }) => broken),
      slow: kept.flatMap(({ slow }) => slow),
    }
  }

  /** How a test that is still as it was has found the mutant. */
  killerOf(mutant: Mutant): KeptFate["found"] {
    const found = this.#fateOf(mutant)?.found
    return found !== undefined && this.#keys.has(found.key) ? found : undefined
  }

  /** Whether the mutant has not survived a test yet. */
  untried(mutant: Mutant): (test: Measured) => boolean {
    const tried = new Set(this.#fateOf(mutant)?.tried)
    return (test) => !tried.has(this.#keyOf(test))
  }

  /** `job`: the tests that led to the verdict. */
  keepVerdict(mutant: Mutant, verdict: Verdict, job: Job): void {
    const tests = [...job.tests, ...job.loadingTests]
    const fate =
      verdict.outcome === "survived"
        ? { tried: [...(this.#fateOf(mutant)?.tried ?? []), ...tests.map((test) => this.#keyOf(test))] }
        : {
            tried: [],
            found: {
              ...verdict,
              key: this.#keyOf(tests.find(({ name }) => name === verdict.by) ?? tests[0]!),
            },
          }
    const { id, file } = mutant
    this.#page.fates[file]!.of[id - this.#firsts.get(file)!] = fate
  }

  /** A run may be ended at any time. */
  writeSometimes(): void {
    if (performance.now() - this.#writtenMs > WRITE_EVERY_MS) this.write()
  }

  write(): void {
    this.#writtenMs = performance.now()
    mkdirSync(new URL(".", this.#url), { recursive: true })
    writeFileSync(this.#url, JSON.stringify(this.#page))
  }

  #fateOf({ id, file }: Mutant): KeptFate | undefined {
    return this.#page.fates[file]!.of[id - this.#firsts.get(file)!]
  }

  /** A name of the test that another text of its file makes another one. */
  #keyOf({ file, index }: Measured): string {
    return `${file}#${index}#${this.#hashOf(file)}`
  }

  #hashOf(file: string): string {
    let hash = this.#hashes.get(file)
    if (hash === undefined) {
      hash = hashOf(readFileSync(new URL(file, ROOT), "utf8"))
      this.#hashes.set(file, hash)
    }
    return hash
  }
}

function read(url: URL): Page {
  try {
    return JSON.parse(readFileSync(url, "utf8")) as Page
  } catch {
    return { sources: "", atLoad: [], measured: {}, fates: {} }
  }
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8)
}
