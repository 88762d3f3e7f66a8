import type { HeaderList } from "../http2/header-list.ts"

/**
 * What an HTTP/1 request said of its own connection: `connection`, `upgrade` and their kin, and what `connection` names. They
 * are no part of its header list, which is sent on, but variables may ask for them.
 */
const known = new WeakMap<HeaderList, readonly string[]>()

/** `fields`: names, in lower case, and values in turn. */
export function noteConnectionFields(list: HeaderList, fields: readonly string[]): void {
  known.set(list, fields)
}

/** The value of such a field, or undefined. */
export function connectionField(list: HeaderList, name: string): string | undefined {
  const fields = known.get(list)
  if (fields === undefined) return undefined
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1]
  return undefined
}

/** The values of all such fields. */
export function connectionFieldValues(list: HeaderList, name: string): string[] {
  const fields = known.get(list) ?? []
  return fields.filter((_, i) => i % 2 === 1 && fields[i - 1] === name)
}

/** Those that are kept apart from the list. */
export const CONNECTION_FIELD_NAMES: ReadonlySet<string> = new Set([
  ...["connection", "upgrade", "keep-alive", "transfer-encoding", "proxy-connection", "expect"],
  ...["http2-settings", "trailer"],
])
