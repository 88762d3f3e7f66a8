/** Who may ask: a token where one is configured, and no page of another site, whatever name it found us by. */
import { createHash, timingSafeEqual } from "node:crypto"
import { readFileSync } from "node:fs"
import { isIP } from "node:net"

export interface AccessRules {
  /** Null: none is needed. */
  readonly token: string | null
  /** Listens on a Unix socket, which no browser reaches. */
  readonly isUnix: boolean
  /** Names besides localhost and addresses of this machine. */
  readonly hosts: readonly string[]
}

/** Of a request, what decides. */
export interface Asker {
  readonly host: string | undefined
  readonly origin: string | undefined
  /** `Sec-Fetch-Site`, which browsers send and pages cannot forge. */
  readonly fetchSite: string | undefined
  readonly fetchMode: string | undefined
  readonly authorization: string | undefined
}

export interface Refusal {
  readonly status: 401 | 403
  readonly error: string
}

/** Files of the page itself, and whether the process is well, are no secrets. */
export type Openness = "guarded" | "page" | "open"

/** Null: it may. */
export function refusalOf(asker: Asker, rules: AccessRules, openness: Openness): Refusal | null {
  if (openness === "open") return null
  const foreign = foreignProblem(asker, rules)
  if (foreign !== null) return { status: 403, error: foreign }
  if (openness === "page" || rules.token === null) return null
  return tokenProblem(asker.authorization, rules.token)
}

function foreignProblem(asker: Asker, rules: AccessRules): string | null {
  const { host, origin, fetchSite, fetchMode } = asker
  // With a token a page that found us by a name of its own has nothing to show.
  if (!rules.isUnix && rules.token === null && !isKnownHost(host, rules.hosts))
    return `foreign Host "${host ?? ""}": ask by localhost or an address, or write the name into the admin's hosts`
  if (origin !== undefined && !isSameHost(origin, host))
    return `foreign Origin "${origin}": pages of other sites may not ask`
  const isForeign = fetchSite === "cross-site" || fetchSite === "same-site"
  return isForeign && fetchMode !== "navigate" ? "pages of other sites may not ask" : null
}

/** An address is known: a page that found us by a name of its own shows that name. */
function isKnownHost(host: string | undefined, hosts: readonly string[]): boolean {
  if (host === undefined) return false
  const name = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(host)?.[1]?.toLowerCase()
  if (name === undefined || name === "") return false
  const bare = name.startsWith("[") ? name.slice(1, -1) : name
  return bare === "localhost" || isIP(bare) !== 0 || hosts.some((one) => one.toLowerCase() === bare)
}

function isSameHost(origin: string, host: string | undefined): boolean {
  const [, authority] = /^https?:\/\/([^/]+)$/.exec(origin) ?? []
  return authority !== undefined && host !== undefined && authority.toLowerCase() === host.toLowerCase()
}

function tokenProblem(authorization: string | undefined, token: string): Refusal | null {
  const [, shown] = /^Bearer +(\S+) *$/i.exec(authorization ?? "") ?? []
  if (shown === undefined) return { status: 401, error: "a token is needed: Authorization: Bearer ..." }
  return isEqual(shown, token) ? null : { status: 401, error: "wrong token" }
}

/** In a time that does not depend on where they differ. */
function isEqual(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest()
  return timingSafeEqual(digest(one), digest(other))
}

const TOKEN_CHARACTERS_MIN = 16

/** The token in `file`. Errors: throws, in one line without the token, why it cannot be used. */
export function readToken(file: string): string {
  let token: string
  try {
    token = readFileSync(file, "utf8").trim()
  } catch (error) {
    throw new Error(`cannot read the admin token: ${(error as Error).message}`)
  }
  if (token.length < TOKEN_CHARACTERS_MIN || /[^\x21-\x7e]/.test(token))
    throw new Error(
      `the admin token in ${file} is of no use: it must be at least ${TOKEN_CHARACTERS_MIN} characters of ASCII in one line`,
    )
  return token
}
