/** Files that a route serves. nginx: `root`, `alias`, `index`, `try_files` and their kin. */
export interface FilesConfig {
  /** A template of a directory; with `replaces` of what takes the place of so much of the path. */
  root: string
  /** Octets of the decoded path that `root` takes the place of: nginx's `alias`. `all`: of the whole path. */
  replaces: number | "all"
  /** Names or paths, templates, that are looked for in a directory, in order. */
  index: string[]
  /**
   * Templates of paths that are looked for, one that ends with `/` among directories; the last says what follows where none
   * is there: `=code`, `@name`, or a path of the server. Empty: the request's path alone counts.
   */
  tryFiles: string[]
  /** By extension, in lower case. */
  types: Record<string, string>
  /** Of other files; empty: none is said. */
  defaultType: string
  etag: boolean
  /** What `If-Modified-Since` must be of the file's time for a 304: the same, or no earlier. */
  ifModifiedSince: "off" | "exact" | "before"
  /** Ranges of one request, before the file is sent whole; 0: none are known. */
  maxRanges: number
}

/** What nginx knows without `types`. */
export const nginxTypes: Readonly<Record<string, string>> = {
  html: "text/html",
  gif: "image/gif",
  jpg: "image/jpeg",
}
