/** Hostnames of listeners and routes: `www.example.com`, `*.example.com` for all below it, and empty for every one. */

/** Whether every name of `inner` is one of `outer`. */
export function covers(outer: string, inner: string): boolean {
  if (outer === "" || outer === inner) return true
  if (!outer.startsWith("*.")) return false
  return inner.replace(/^\*(?=\.)/, "").endsWith(outer.slice(1))
}

/** The names that are of both; null: there are none. */
export function intersection(one: string, other: string): string | null {
  if (covers(one, other)) return other
  return covers(other, one) ? one : null
}

/** More of it counts before less: characters of a name without a wildcard, then characters. */
export function specificity(hostname: string): [exact: number, all: number] {
  return [hostname.startsWith("*.") ? 0 : hostname.length, hostname.length]
}

/** The most specific of those that cover `name`; undefined: none does. */
export function mostSpecific(hostnames: readonly string[], name: string): string | undefined {
  return hostnames
    .filter((hostname) => covers(hostname, name))
    .toSorted((one, other) => other.length - one.length)[0]
}
