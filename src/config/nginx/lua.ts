/**
 * Where a block of Lua ends in nginx.conf: OpenResty's own rules, by which braces in texts and comments do not count.
 */

/** Directives whose block is Lua, whatever comes before. */
export function isLuaBlock(name: string): boolean {
  return name.endsWith("_by_lua_block")
}

/** Any directive that runs Lua. */
export function isLua(name: string): boolean {
  return /_by_lua(?:_block|_file)?$/.test(name)
}

/** One piece of Lua: a comment, a text, a long bracket, or a single character. */
const PIECE = /--\[(=*)\[|\[(=*)\[|--[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[{}]|[^-["'{}]+|./sy

/**
 * @param start behind the `{` of the block
 * @returns the place of the `}` that ends it; -1: there is none
 */
export function endOfLua(text: string, start: number): number {
  let depth = 1
  let at = start
  while (at < text.length) {
    PIECE.lastIndex = at
    const [piece, commented, bracketed] = PIECE.exec(text)!
    const level = commented ?? bracketed
    if (level !== undefined) {
      const close = text.indexOf(`]${level}]`, at + piece.length)
      if (close < 0) return -1
      at = close + level.length + 2
      continue
    }
    if (piece === "{") depth++
    else if (piece === "}" && --depth === 0) return at
    at += piece.length
  }
  return -1
}
