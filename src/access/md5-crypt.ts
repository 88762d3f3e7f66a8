import { createHash } from "node:crypto"

const ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const SALT_MAX = 8
const ROUNDS = 1000

/**
 * MD5-crypt as `htpasswd -m` (`$apr1$`) and old crypt(3) (`$1$`) have it: 1000 rounds.
 * Source: Poul-Henning Kamp's algorithm of FreeBSD, Apache's apr_md5_encode.
 *
 * @param magic `$apr1$` or `$1$`
 * @returns the whole hash, to be compared
 */
export function md5Crypt(password: Buffer, salt: string, magic: string): string {
  const salted = Buffer.from(salt.slice(0, SALT_MAX), "latin1")
  const md5 = (...pieces: (Buffer | string)[]): Buffer => {
    const hash = createHash("md5")
    for (const piece of pieces) hash.update(piece)
    return hash.digest()
  }
  const inner = md5(password, salted, password)
  const first: Buffer[] = [password, Buffer.from(magic), salted]
  for (let left = password.length; left > 0; left -= 16) first.push(inner.subarray(0, Math.min(16, left)))
  for (let bits = password.length; bits > 0; bits >>= 1)
    first.push((bits & 1) === 1 ? Buffer.alloc(1) : password.subarray(0, 1))
  let digest = md5(...first)
  for (let round = 0; round < ROUNDS; round++) {
    const isOdd = (round & 1) === 1
    const pieces: Buffer[] = [isOdd ? password : digest]
    if (round % 3 !== 0) pieces.push(salted)
    if (round % 7 !== 0) pieces.push(password)
    pieces.push(isOdd ? digest : password)
    digest = md5(...pieces)
  }
  return `${magic}${salted.toString("latin1")}$${encoded(digest)}`
}

/** In crypt's base64, octets in its order. */
function encoded(digest: Buffer): string {
  let text = ""
  const write = (value: number, characters: number): void => {
    for (let i = 0, left = value; i < characters; i++, left >>= 6) text += ALPHABET[left & 0x3f]
  }
  for (const [a, b, c] of [
    [0, 6, 12],
    [1, 7, 13],
    [2, 8, 14],
    [3, 9, 15],
    [4, 10, 5],
  ] as const)
    write((digest[a]! << 16) | (digest[b]! << 8) | digest[c]!, 4)
  write(digest[11]!, 2)
  return text
}
