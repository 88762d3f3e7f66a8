import { statusOnWire } from "../route/error-page.ts"

/** What nginx's own pages say, as it writes it. Statuses that are not here have an empty body. */
const TITLES: ReadonlyMap<number, string> = new Map([
  ...[
    [301, "Moved Permanently"],
    [302, "Found"],
    [303, "See Other"],
    [307, "Temporary Redirect"],
    [308, "Permanent Redirect"],
    [400, "Bad Request"],
    [401, "Authorization Required"],
    [402, "Payment Required"],
    [403, "Forbidden"],
    [404, "Not Found"],
    [405, "Not Allowed"],
    [406, "Not Acceptable"],
    [408, "Request Time-out"],
    [409, "Conflict"],
    [410, "Gone"],
    [411, "Length Required"],
    [412, "Precondition Failed"],
    [413, "Request Entity Too Large"],
    [414, "Request-URI Too Large"],
    [415, "Unsupported Media Type"],
    [416, "Requested Range Not Satisfiable"],
    [421, "Misdirected Request"],
    [429, "Too Many Requests"],
    [500, "Internal Server Error"],
    [501, "Not Implemented"],
    [502, "Bad Gateway"],
    [503, "Service Temporarily Unavailable"],
    [504, "Gateway Time-out"],
    [505, "HTTP Version Not Supported"],
    [507, "Insufficient Storage"],
  ].map(([status, title]): [number, string] => [status as number, `${status} ${title}`]),
])

/** Of nginx's own numbers: they are 400 to the client, and the page says what is wrong. */
const DETAILS: ReadonlyMap<number, string> = new Map([
  [494, "Request Header Or Cookie Too Large"],
  [495, "The SSL certificate error"],
  [496, "No required SSL certificate was sent"],
  [497, "The plain HTTP request was sent to HTTPS port"],
])

const NO_BODY = Buffer.alloc(0)
/** One for each status and name of a server: operators write few. */
const pages = new Map<string, Buffer>()

/** The page of an error, or of a redirect, in nginx's shape, down to the octet. `server`: what it calls itself. */
export function ownPage(status: number, server: string): Buffer {
  const detail = DETAILS.get(status)
  const title = TITLES.get(statusOnWire(status))
  if (title === undefined) return NO_BODY
  const key = `${status} ${server}`
  const known = pages.get(key)
  if (known !== undefined) return known
  const lines = [
    "<html>",
    `<head><title>${detail === undefined ? title : `400 ${detail}`}</title></head>`,
    "<body>",
    `<center><h1>${title}</h1></center>`,
    ...(detail === undefined ? [] : [`<center>${detail}</center>`]),
    `<hr><center>${server}</center>`,
    "</body>",
    "</html>",
    "",
  ]
  const page = Buffer.from(lines.join("\r\n"), "utf8")
  pages.set(key, page)
  return page
}
