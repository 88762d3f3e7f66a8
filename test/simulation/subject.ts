import { readFileSync } from "node:fs"
import { registerHooks } from "node:module"
import { fileURLToPath } from "node:url"
import type { Mutation } from "./mutation.ts"
import type { Subject } from "./world.ts"

export const SOURCES = new URL("../../src/", import.meta.url).href
/** Stands behind the path of every module of a copy, with the copy's name. */
export const COPY_QUERY = "?copy="

const loaded = new Map<string, Mutation>()
let isHooked = false

/**
 * Loads a copy of the balancer of its own in which `mutation` has changed one source file. Peers, wire observers and
 * all else of the simulator keep to the unchanged copy, so the planted bug is the balancer's alone.
 *
 * Every module under src that the copy imports is loaded anew under `?copy=NAME`; the hook hands on the changed text
 * where it is the mutation's file. Node strips the types as ever. Errors: throws when the mutation no longer applies.
 */
export async function loadMutant(mutation: Mutation): Promise<Subject> {
  mutate(mutation)
  loaded.set(mutation.name, mutation)
  return loadCopy(mutation.name)
}

/** Loads a copy of the balancer of its own: with the mutation of that name in it, or as the sources are. */
export async function loadCopy(name: string): Promise<Subject> {
  if (!isHooked) hook()
  isHooked = true
  const query = `${COPY_QUERY}${name}`
  const { Balancer } = (await import(`${SOURCES}balancer/balancer.ts${query}`)) as Pick<Subject, "Balancer">
  const { HeaderList } = (await import(`${SOURCES}http2/header-list.ts${query}`)) as Pick<
    Subject,
    "HeaderList"
  >
  return { Balancer, HeaderList }
}

function hook(): void {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const result = nextResolve(specifier, context)
      const at = context.parentURL?.indexOf(COPY_QUERY) ?? -1
      if (at < 0 || !result.url.startsWith(SOURCES) || result.url.includes(COPY_QUERY)) return result
      return { ...result, url: result.url + context.parentURL!.slice(at) }
    },
    load(url, context, nextLoad) {
      const [path, name] = url.split(COPY_QUERY)
      const mutation = name === undefined ? undefined : loaded.get(name)
      if (mutation === undefined || path !== SOURCES + mutation.file) return nextLoad(url, context)
      return { ...nextLoad(url, context), source: mutate(mutation) }
    },
  })
}

/** The changed text of the mutation's file. Errors: throws when the text to change does not stand there exactly once. */
export function mutate(mutation: Mutation): string {
  const { name, file, also } = mutation
  let text = readFileSync(fileURLToPath(SOURCES + file), "utf8")
  for (const { find, replace } of also === undefined ? [mutation] : [mutation, also]) {
    const places = text.split(find).length - 1
    if (places !== 1)
      throw new Error(
        `mutation ${name} does not apply: ${JSON.stringify(find)} stands ${places} times in src/${file}`,
      )
    text = text.replace(find, () => replace)
  }
  return text
}
