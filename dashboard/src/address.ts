import type { StreamQuery } from "./live-streams.ts"

const SORT_DEFAULT = "-age"

/** What the address says of the list of streams: a link leads to the same list. */
export function queryOf(url: URL): StreamQuery {
  const { searchParams } = url
  return { filter: searchParams.get("filter") ?? "", sort: searchParams.get("sort") ?? SORT_DEFAULT }
}

export function withQuery(url: URL, { filter, sort }: StreamQuery): URL {
  const next = new URL(url)
  const set = (name: string, value: string, omitted: string): void => {
    if (value === omitted) next.searchParams.delete(name)
    else next.searchParams.set(name, value)
  }
  set("filter", filter.trim(), "")
  set("sort", sort, SORT_DEFAULT)
  return next
}

/** A filter with one more word, or without it where it has it. */
export function toggled(filter: string, word: string): string {
  const words = filter.split(/\s+/).filter(Boolean)
  return (words.includes(word) ? words.filter((each) => each !== word) : [...words, word]).join(" ")
}
