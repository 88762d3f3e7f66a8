/** What the demo changes in the article's nginx.conf so that it runs without root, beside whatever else is running. */
export interface Adaptation {
  /** In place of port 80. */
  listenPort: number
  /** In place of 3000 and, where the file has it, 3001. */
  serverPorts: readonly number[]
  /** In place of /var/log/nginx/access.log. */
  accessLog: string
}

export interface AdaptedConfig {
  text: string
  /** Each change made, as written in the file. */
  changes: { from: string; to: string }[]
}

/**
 * The article's file with other addresses; every other octet stays.
 * Throws when the file does not hold what is to be replaced: it then is not the article's.
 */
export function adaptArticleConfig(
  text: string,
  { listenPort, serverPorts, accessLog }: Adaptation,
): AdaptedConfig {
  const wanted = [
    { from: "listen  80 ", to: `listen  ${listenPort} ` },
    ...serverPorts.map((port, index) => ({ from: `127.0.0.1:${3000 + index};`, to: `127.0.0.1:${port};` })),
    { from: "/var/log/nginx/access.log", to: quoted(accessLog) },
  ]
  const changes = wanted.filter(({ from, to }) => from !== to)
  // Found in the text as it was, so that 3000 moved to 3001 is not then moved as the file's own 3001.
  const places = wanted.map(({ from, to }) => {
    const at = text.indexOf(from)
    if (at < 0) throw new Error(`the nginx.conf has no ${JSON.stringify(from)}`)
    return { at, from, to }
  })
  let adapted = text
  for (const { at, from, to } of places.sort((a, b) => b.at - a.at)) {
    adapted = adapted.slice(0, at) + to + adapted.slice(at + from.length)
  }
  return { text: adapted, changes }
}

/** A path as one nginx parameter, spaces and all. */
function quoted(path: string): string {
  return /[\s;{}"'\\$]/.test(path) ? `"${path.replaceAll(/["\\]/g, "\\$&")}"` : path
}
