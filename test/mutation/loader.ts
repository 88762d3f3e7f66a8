import { readFileSync } from "node:fs"
import { registerHooks, stripTypeScriptTypes } from "node:module"
import { fileURLToPath } from "node:url"
import { withSteps } from "./instrument.ts"
import { collect, endSuites, type TestCase } from "./vitest.ts"

const ROOT = new URL("../../", import.meta.url).href
const STAND_IN = new URL("vitest.ts", import.meta.url).href
/** Modules under another number are another copy of the program. */
const QUERY = "?copy="

/** Loads copies of test files and of all that they import, with every mutant of the files asked for in them. */
export class Loader {
  readonly #targets: ReadonlyMap<string, string>
  readonly #sources = new Map<string, string>()
  #copies = 0

  /** `targets`: by path, the text with mutants. */
  constructor(targets: ReadonlyMap<string, string>) {
    this.#targets = targets
    registerHooks({
      resolve: (specifier, context, nextResolve) => {
        const copy = context.parentURL?.split(QUERY)[1]
        if (copy !== undefined && specifier === "vitest") return nextResolve(STAND_IN, context)
        const result = nextResolve(specifier, context)
        if (copy === undefined || !isOurs(result.url)) return result
        return { ...result, url: `${result.url}${QUERY}${copy}` }
      },
      load: (url, context, nextLoad) => {
        const [path, copy] = url.split(QUERY)
        if (copy === undefined) return nextLoad(url, context)
        return { format: "module", source: this.#source(path!), shortCircuit: true }
      },
    })
  }

  /** A copy of all modules, of its own: pools, tables and constants are made anew as files of tests are asked for. */
  newCopy(): Copy {
    return new Copy(++this.#copies)
  }

  #source(url: string): string {
    const known = this.#sources.get(url)
    if (known !== undefined) return known
    const file = url.slice(ROOT.length)
    const text = this.#targets.get(file) ?? withSteps(file, readFileSync(fileURLToPath(url), "utf8"))
    const source = stripTypeScriptTypes(text)
    this.#sources.set(url, source)
    return source
  }
}

/** One loaded copy of the program and its tests. */
export class Copy {
  readonly #number: number
  readonly #tests = new Map<string, readonly TestCase[]>()

  constructor(number: number) {
    this.#number = number
  }

  /** The tests of a file, by its path relative to the root of the project. */
  async testsOf(file: string): Promise<readonly TestCase[]> {
    let tests = this.#tests.get(file)
    if (tests === undefined) {
      tests = await collect(() => import(`${ROOT}${file}${QUERY}${this.#number}`))
      this.#tests.set(file, tests)
    }
    return tests
  }

  async end(): Promise<void> {
    for (const tests of this.#tests.values()) await endSuites(tests)
  }
}

function isOurs(url: string): boolean {
  return url.startsWith(ROOT) && url.endsWith(".ts") && !url.includes("/node_modules/") && url !== STAND_IN
}
