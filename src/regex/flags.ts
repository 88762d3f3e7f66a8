/** Flags that hold at a place of a pattern. */
export interface Flags {
  /** `i` */
  readonly isCaseless: boolean
  /** `m` */
  readonly isMultiline: boolean
  /** `s` */
  readonly isDotAll: boolean
  /** `x`, and `xx`, which holds in classes too. */
  readonly extended: 0 | 1 | 2
  /** `n`: plain parentheses do not capture. */
  readonly isNoCapture: boolean
  /** `U`: quantifiers are lazy unless followed by `?`. */
  readonly isUngreedy: boolean
  /** `J` */
  readonly mayRepeatNames: boolean
}

export const noFlags: Flags = {
  isCaseless: false,
  isMultiline: false,
  isDotAll: false,
  extended: 0,
  isNoCapture: false,
  isUngreedy: false,
  mayRepeatNames: false,
}

const FLAGS: Readonly<Record<string, keyof Flags>> = {
  i: "isCaseless",
  m: "isMultiline",
  s: "isDotAll",
  n: "isNoCapture",
  U: "isUngreedy",
  J: "mayRepeatNames",
}

/** With the flags of `letters` on or off. */
export function applyFlags(flags: Flags, letters: string, value: boolean): Flags {
  const changed: Record<string, boolean | number> = { ...flags }
  for (const letter of letters.match(/xx|./g) ?? []) {
    if (letter.startsWith("x")) changed.extended = value ? letter.length : 0
    else changed[FLAGS[letter]!] = value
  }
  return changed as unknown as Flags
}
