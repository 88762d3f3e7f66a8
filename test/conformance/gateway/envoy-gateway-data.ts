/** Envoy Gateway's own test data of GRPCRoutes: which of its files count here, and what is asked of each. */

interface GrpcMatch {
  readonly method?: { readonly service?: string; readonly method?: string }
  readonly headers?: readonly { readonly name: string; readonly value: string }[]
}

/** A file of the test data. */
export interface Input {
  readonly gateways?: readonly object[]
  readonly grpcRoutes?: readonly {
    readonly spec: {
      readonly hostnames?: readonly string[]
      readonly rules?: readonly { readonly matches?: readonly GrpcMatch[] }[]
    }
  }[]
  readonly [kind: string]: unknown
}

export interface Asked {
  readonly host: string
  readonly path: string
  readonly fields: readonly string[]
}

/** By what of a file it can be told. */
const LEFT_OUT: readonly (readonly [what: RegExp, why: string])[] = [
  [/kind: HTTPRouteFilter\n *name: (?!invalid)/, "Envoy Gateway's own filters"],
  [/kind: Backend\b/, "Envoy Gateway's own backends"],
  [/type: RequestMirror/, "mirrored requests"],
  [/type: URLRewrite/, "no filter of GRPCRoutes in the API"],
  [/^listenerSets:/m, "ListenerSets"],
]

/** Why Sluice has nothing of a file; null: it has. */
export function leftOutOf(text: string): string | null {
  return LEFT_OUT.find(([what]) => what.test(text))?.[1] ?? null
}

/** Every service, method, field and host of the file with every other, and some that are in none. */
export function requestsFor({ grpcRoutes = [] }: Input): Asked[] {
  const matches = grpcRoutes.flatMap(({ spec }) => spec.rules ?? []).flatMap((rule) => rule.matches ?? [])
  const texts = (all: (string | undefined)[]): Set<string> =>
    new Set(all.filter((one) => one !== undefined).map(textOf))
  const services = texts([...matches.map(({ method }) => method?.service), "other.Service"])
  const methods = texts([...matches.map(({ method }) => method?.method), "Other"])
  const hosts = texts([
    ...grpcRoutes.flatMap(({ spec }) => spec.hostnames ?? []).map((host) => host.replace("*", "a")),
    "other.test",
  ])
  const own = matches.flatMap(({ headers = [] }) => fieldsOf(headers))
  const fields = [...new Map([[], ...own].map((each) => [each.join(), each])).values()]
  return [...hosts].flatMap((host) =>
    [...services].flatMap((service) =>
      [...methods].flatMap((method) =>
        fields.map((each) => ({ host, path: `/${service}/${method}`, fields: each })),
      ),
    ),
  )
}

function fieldsOf(headers: NonNullable<GrpcMatch["headers"]>): string[][] {
  const pairs = headers.map(({ name, value }) => [name.toLowerCase(), textOf(value)])
  return [pairs.flat(), pairs.slice(0, 1).flat(), pairs.flatMap(([name]) => [name!, "other"])]
}

/** A text that an expression matches, of the few kinds that there are in the data. */
function textOf(pattern: string): string {
  return pattern
    .replaceAll("[A-Z]+", "ABC")
    .replaceAll("[0-9]+", "12")
    .replace(/\.[*+]/g, "xyz")
    .replace(/[\\^$]/g, "")
}
