/** POSIX character classes without a locale, as what stands for them between the brackets of a JavaScript regex. */
export const POSIX_CLASSES: ReadonlyMap<string, string> = new Map([
  ["alpha", "a-zA-Z"],
  ["digit", "0-9"],
  ["alnum", "a-zA-Z0-9"],
  ["upper", "A-Z"],
  ["lower", "a-z"],
  ["space", "\\t-\\r "],
  ["blank", "\\t "],
  ["xdigit", "0-9a-fA-F"],
  ["punct", "!-\\/:-@\\[-`{-~"],
  ["cntrl", "\\x00-\\x1f\\x7f"],
  ["graph", "!-~"],
  ["print", " -~"],
])
