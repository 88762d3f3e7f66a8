import { createHash, timingSafeEqual } from "node:crypto"
import { compareSync } from "bcryptjs"
import { verify } from "unixcrypt"
import { md5Crypt } from "./md5-crypt.ts"

/** Rounds of `$5$` and `$6$`, each some microseconds; 5000 unless a hash says how many. */
const ROUNDS_MIN = 1000
const ROUNDS_MAX = 50_000
/** bcrypt's doublings: 16 take some seconds. */
const COST_MIN = 4
const COST_MAX = 16
/** Of a password in a slow hash, whose time grows with it: crypt(3) of libxcrypt takes no more. */
const SLOW_PASSWORD_OCTETS = 511

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./0-9A-Za-z]{53}$/
const MD5 = /^(\$apr1\$|\$1\$)([^$]*)\$[./0-9A-Za-z]{22}$/
const SHA_CRYPT = /^\$(?:5(?=.*\$.{43}$)|6(?=.*\$.{86}$))\$(?:rounds=(\d+)\$)?([^$]*)\$[./0-9A-Za-z]+$/s

type HashProblem =
  | "not a hash that is known"
  | "takes too long"
  | "a cost that bcrypt does not have"
  | "rounds that crypt does not write"
  | "a salt that crypt does not write"

/** Why no password is that of a line; null: one may be. Where it is null, none of the functions below throws. */
export function hashProblem(hash: string): HashProblem | null {
  if (hash.startsWith("{PLAIN}") || MD5.test(hash)) return null
  if (hash.startsWith("{SHA}")) return digestProblem(hash.slice(5), (octets) => octets === SHA1_OCTETS)
  if (hash.startsWith("{SSHA}")) return digestProblem(hash.slice(6), (octets) => octets >= SHA1_OCTETS)
  const cost = BCRYPT.exec(hash)?.[1]
  if (cost !== undefined) return costProblem(Number(cost))
  const crypt = SHA_CRYPT.exec(hash)
  return crypt === null ? "not a hash that is known" : cryptProblem(crypt[1], crypt[2]!)
}

function costProblem(cost: number): HashProblem | null {
  if (cost < COST_MIN) return "a cost that bcrypt does not have"
  return cost > COST_MAX ? "takes too long" : null
}

/** What crypt takes and writes otherwise (fewer rounds, a longer salt) no hash of its making has. */
function cryptProblem(rounds: string | undefined, salt: string): HashProblem | null {
  if (!/^[./0-9A-Za-z]{0,16}$/.test(salt)) return "a salt that crypt does not write"
  if (rounds === undefined) return null
  if (rounds.startsWith("0") || Number(rounds) < ROUNDS_MIN) return "rounds that crypt does not write"
  return Number(rounds) > ROUNDS_MAX ? "takes too long" : null
}

function digestProblem(base64: string, isRight: (octets: number) => boolean): HashProblem | null {
  return isRight(Buffer.from(base64, "base64").length) ? null : "not a hash that is known"
}

/**
 * Whether a password is that of a line of a password file: bcrypt, `$apr1$`, `$1$`, `$5$`, `$6$`, `{SHA}`, `{SSHA}` and
 * `{PLAIN}`. What `hashProblem` has something against nothing matches, traditional DES crypt for one.
 *
 * @param password octets, a character each (latin1)
 */
export function isPassword(password: string, hash: string): boolean {
  if (hashProblem(hash) !== null) return false
  const octets = Buffer.from(password, "latin1")
  if (hash.startsWith("{PLAIN}")) return isSame(password, hash.slice("{PLAIN}".length))
  if (hash.startsWith("{SHA}")) return isSame(sha1(octets), Buffer.from(hash.slice(5), "base64"))
  if (hash.startsWith("{SSHA}")) {
    const stored = Buffer.from(hash.slice(6), "base64")
    return isSame(sha1(octets, stored.subarray(SHA1_OCTETS)), stored.subarray(0, SHA1_OCTETS))
  }
  if (octets.length > SLOW_PASSWORD_OCTETS) return false
  const [, magic, salt] = MD5.exec(hash) ?? []
  if (magic !== undefined) return isSame(md5Crypt(octets, salt!, magic), hash)
  if (BCRYPT.test(hash)) return compareSync(octets.toString("utf8"), hash)
  return verify(octets.toString("utf8"), hash)
}

/** Whether it takes milliseconds or more to tell. */
export function isSlow(hash: string): boolean {
  return hash.startsWith("$") && hashProblem(hash) === null
}

const SHA1_OCTETS = 20

function sha1(...pieces: Buffer[]): Buffer {
  const hash = createHash("sha1")
  for (const piece of pieces) hash.update(piece)
  return hash.digest()
}

/** In a time that does not tell where they differ. */
function isSame(one: string | Buffer, other: string | Buffer): boolean {
  const digest = (value: string | Buffer) => createHash("sha256").update(value).digest()
  return timingSafeEqual(digest(one), digest(other))
}
