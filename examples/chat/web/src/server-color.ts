/** How many colours style.css has for servers. */
const COLORS = 4

/** Gives an element its server's colour: the same server has the same one everywhere. */
export function serverStyle(server: string | null): Record<string, string> | undefined {
  if (server === null) return undefined
  let hash = 0
  for (const character of server) hash = (hash * 31 + character.codePointAt(0)!) >>> 0
  return { "--server": `var(--server-${hash % COLORS})` }
}
