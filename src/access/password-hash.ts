import { createHash, timingSafeEqual } from "node:crypto"
import { compare } from "bcryptjs"
import { verify } from "unixcrypt"
import { md5Crypt } from "./md5-crypt.ts"

/**
 * Whether a password is that of a line of a password file: bcrypt, `$apr1$`, `$1$`, `$5$`, `$6$`, `{SHA}`, `{SSHA}` and
 * `{PLAIN}`. A promise where it takes long. Traditional DES crypt is none of these: nothing matches it.
 *
 * @param password octets, a character each (latin1)
 */
export function isPassword(password: string, hash: string): boolean | Promise<boolean> {
  const octets = Buffer.from(password, "latin1")
  if (/^\$2[abxy]\$/.test(hash)) return compare(octets.toString("utf8"), hash)
  const [, magic, salt] = /^(\$apr1\$|\$1\$)([^$]*)\$/.exec(hash) ?? []
  if (magic !== undefined) return isSame(md5Crypt(octets, salt!, magic), hash)
  if (/^\$[56]\$/.test(hash)) return verify(octets.toString("utf8"), hash)
  if (hash.startsWith("{SHA}")) return isSame(sha1(octets), Buffer.from(hash.slice(5), "base64"))
  if (hash.startsWith("{SSHA}")) {
    const stored = Buffer.from(hash.slice(6), "base64")
    const digest = stored.subarray(0, SHA1_OCTETS)
    return stored.length >= SHA1_OCTETS && isSame(sha1(octets, stored.subarray(SHA1_OCTETS)), digest)
  }
  return hash.startsWith("{PLAIN}") && isSame(password, hash.slice("{PLAIN}".length))
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
