/** What to say of a directive's name that is a key of sluice.yaml; null: it is none. */
export function otherFormatHint(name: string): string | null {
  if (!name.endsWith(":")) return null
  return "is this sluice.yaml? A file is read as that when its name ends in .yaml, .yml or .json"
}
