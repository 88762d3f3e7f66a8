import { HeaderList } from "../../http2/header-list.ts"

/** The very same list where it has none of the names. */
export function without(names: ReadonlySet<string>, list: HeaderList): HeaderList {
  for (let i = 0; i < list.fields.length; i += 2)
    if (names.has(list.fields[i]!)) return withoutFrom(i, names, list)
  return list
}

/** `first`: where the first field is that goes. */
function withoutFrom(first: number, names: ReadonlySet<string>, list: HeaderList): HeaderList {
  const fields = list.fields.slice(0, first)
  for (let i = first; i < list.fields.length; i += 2)
    if (!names.has(list.fields[i]!)) fields.push(list.fields[i]!, list.fields[i + 1]!)
  return new HeaderList(fields, list.neverIndexed === null ? null : neverIndexedWithout(names, list))
}

/** The numbers of what may not be indexed, once the names are gone. */
function neverIndexedWithout(names: ReadonlySet<string>, list: HeaderList): Set<number> | null {
  const numbers = new Set<number>()
  let kept = 0
  for (let i = 0; i < list.fields.length; i += 2) {
    if (names.has(list.fields[i]!)) continue
    if (list.neverIndexed?.has(i / 2)) numbers.add(kept)
    kept++
  }
  return numbers.size > 0 ? numbers : null
}
