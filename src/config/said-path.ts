/** Paths of files with variables, which clients may have a part in. */

/** It is a template. */
export function isSaidPath(path: string): boolean {
  return path.includes("$") && !path.startsWith("-----BEGIN ")
}

/** What variables came to does not climb to other files. */
export function isOwnPath(path: string): boolean {
  return path.startsWith("/") && !path.endsWith("/") && !/\0|\/\.\.(?:\/|$)/.test(path)
}
