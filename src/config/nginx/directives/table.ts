/** Every directive nginx has, by name. One name may stand for several things in several contexts. */
import { ELSEWHERE } from "./elsewhere.ts"
import { HONOURED } from "./honoured.ts"
import { IN_BLOCKS } from "./in-if.ts"
import { NO_EFFECT } from "./no-effect.ts"
import { NOT_SUPPORTED } from "./not-supported.ts"
import { OTHER_PROXIES } from "./other-proxies.ts"
import { OWN } from "./own.ts"
import { PROXY } from "./proxy.ts"
import { type Context, type DirectiveGroup, type DirectiveSpec, readShape } from "./spec.ts"
import { AS_IN_HTTP, STREAM, STREAM_OTHERS } from "./stream.ts"

const table = buildTable()

/** What a name may mean; empty when neither nginx nor Sluice knows it. */
export function specsOf(name: string): readonly DirectiveSpec[] {
  return table.get(name) ?? []
}

/** The names that may stand in a context, for suggestions: those honoured there first. */
export function namesIn(contexts: readonly Context[]): string[] {
  const here = [...table.values()]
    .flat()
    .filter((spec) => spec.contexts.some((each) => contexts.includes(each)))
  const rank = ({ verdict }: DirectiveSpec) => (verdict === "honoured" ? 0 : 1)
  return here.sort((a, b) => rank(a) - rank(b)).map(({ name }) => name)
}

/** All names, for suggestions and the docs. */
export function allSpecs(): DirectiveSpec[] {
  return [...table.values()].flat()
}

/** With the blocks of a server or location that take it too. */
function withBlocks({ name, contexts }: DirectiveSpec): Context[] {
  const outer: Partial<Record<Context, Context>> = {
    "server if": "server",
    if: "location",
    limit_except: "location",
  }
  const blocks = (Object.keys(IN_BLOCKS) as Context[]).filter(
    (block) => IN_BLOCKS[block]!.has(name) && contexts.includes(outer[block]!),
  )
  return [...contexts, ...blocks]
}

function buildTable(): Map<string, DirectiveSpec[]> {
  const specs = new Map<string, DirectiveSpec[]>()
  const add = (spec: DirectiveSpec) =>
    specs.set(spec.name, [...(specs.get(spec.name) ?? []), { ...spec, contexts: withBlocks(spec) }])
  for (const [name, shape, reason] of [...HONOURED, ...PROXY, ...OWN, ...STREAM])
    add({ name, ...readShape(shape), verdict: "honoured", reason })
  for (const { verdict, reason, directives } of [
    ...NOT_SUPPORTED,
    ...NO_EFFECT,
    ...OTHER_PROXIES,
    ...STREAM_OTHERS,
  ] as DirectiveGroup[]) {
    for (const [shape, names] of Object.entries(directives)) {
      for (const name of names.trim().split(/\s+/)) add({ name, ...readShape(shape), verdict, reason })
    }
  }
  for (const name of AS_IN_HTTP) {
    const http = specs.get(name)!.find(({ contexts }) => contexts.includes("http"))!
    add({ ...http, contexts: ["stream", "stream server"] })
  }
  for (const [name, reason] of ELSEWHERE) {
    if (specs.has(name)) continue
    specs.set(name, [{ name, ...readShape("M any"), contexts: [], verdict: "not supported", reason }])
  }
  return specs
}
