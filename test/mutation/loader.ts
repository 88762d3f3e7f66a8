import { readFileSync } from "node:fs"
import { registerHooks, stripTypeScriptTypes } from "node:module"
import { fileURLToPath } from "node:url"
import { withSteps } from "./instrument.ts"
import { collect, type TestCase } from "./vitest.ts"

const ROOT = new URL("../../", import.meta.url).href
const STAND_IN = new URL("vitest.ts", import.meta.url).href
/** Modules under another number are another copy of the program. */
const QUERY = "?copy="

/** A test of one loaded copy. */
export interface LoadedTest {
  /** Relative to the root of the project. */
  readonly file: string
  readonly test: TestCase
}

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

  /** A copy of its own of these files and of what they import: pools, tables and constants are made anew. */
  async load(files: readonly string[]): Promise<LoadedTest[]> {
    const copy = ++this.#copies
    const loaded: LoadedTest[] = []
    for (const file of files) {
      const tests = await collect(() => import(`${ROOT}${file}${QUERY}${copy}`))
      loaded.push(...tests.map((test) => ({ file, test })))
    }
    return loaded
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

function isOurs(url: string): boolean {
  return url.startsWith(ROOT) && url.endsWith(".ts") && !url.includes("/node_modules/") && url !== STAND_IN
}
