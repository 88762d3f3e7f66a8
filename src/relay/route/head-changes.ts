import { HeaderList } from "../../http2/header-list.ts"
import type { HeaderChange } from "../../record/header-change.ts"
import { unwritable, type WrittenTo, writableValue } from "../../record/written-field.ts"

/** The list with what services that were asked have changed in it; the same where they changed nothing. */
export function withChanges(
  list: HeaderList,
  changes: readonly HeaderChange[] | null | undefined,
  to: WrittenTo,
): HeaderList {
  if (changes == null || changes.length === 0) return list
  const kept: Field[] = []
  for (let i = 0; i < list.fields.length; i += 2) {
    const isHidden = list.neverIndexed?.has(i / 2) === true
    kept.push({ name: list.fields[i]!, value: list.fields[i + 1]!, isHidden })
  }
  const fields = changes.reduce((all, change) => changed(all, change, to), kept)
  const hidden = fields.flatMap(({ isHidden }, at) => (isHidden ? [at] : []))
  const flat = fields.flatMap(({ name, value }) => [name, value])
  return new HeaderList(flat, hidden.length > 0 ? new Set(hidden) : null)
}

interface Field {
  readonly name: string
  readonly value: string
  readonly isHidden: boolean
}

function changed(fields: Field[], { name, value, action }: HeaderChange, to: WrittenTo): Field[] {
  // What HTTP/2 does not take would end the call; the host says where it goes.
  const isWritable = /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) && unwritable(name, to) === null
  if (!isWritable || name === "host" || name === "te") return fields
  const isThere = fields.some((field) => field.name === name)
  const others = (): Field[] => fields.filter((field) => field.name !== name)
  const one: Field = { name, value: writableValue(value), isHidden: false }
  switch (action) {
    case "append":
      return [...fields, one]
    case "add if absent":
      return isThere ? fields : [...fields, one]
    case "overwrite":
      return [...others(), one]
    case "overwrite if there":
      return isThere ? [...others(), one] : fields
    case "remove":
      return others()
  }
}
