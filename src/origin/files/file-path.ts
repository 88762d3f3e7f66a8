import type { FilesConfig } from "../../config/files-model.ts"

/** Where files are looked for: the directory that none may leave, and a path within it, both as octets. */
export interface FilePath {
  readonly directory: string
  readonly rest: string
}

/**
 * The path of a file. nginx: ngx_http_map_uri_to_path.
 *
 * @param root rendered
 * @param uri decoded, as octets
 * @param name of a file in the directory that `uri` is; empty: none
 * @returns null: no file has such a path, or it would leave `root`
 */
export function filePath(
  root: string,
  replaces: FilesConfig["replaces"],
  uri: string,
  name: string,
): FilePath | null {
  const rest = (replaces === "all" ? "" : uri.slice(replaces)) + name
  // Of an alias, what comes before its last slash is a directory whatever the path is.
  const end = replaces === 0 ? root.length : root.lastIndexOf("/") + 1
  const path = { directory: root.slice(0, end), rest: root.slice(end) + rest }
  return leaves(replaces === "all" ? root + name : path.rest) || path.directory === "" ? null : path
}

/** Symbolic links are followed, as nginx does; `..` never is, whatever variable it came from. */
function leaves(path: string): boolean {
  return path.includes("\0") || path.split("/").includes("..")
}
