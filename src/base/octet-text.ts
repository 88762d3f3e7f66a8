const ASCII = /^[\x00-\x7f]*$/

/** Text as requests hold it: UTF-8, one character per octet. To a regex too each octet is then a character, as in nginx. */
export function octetText(text: string): string {
  return ASCII.test(text) ? text : Buffer.from(text, "utf8").toString("latin1")
}

/** The text of such octets; what is no UTF-8 becomes U+FFFD. */
export function textOfOctets(octets: string): string {
  return ASCII.test(octets) ? octets : Buffer.from(octets, "latin1").toString("utf8")
}

/** The same octets. A slice keeps the whole string that it was cut from: a path the whole head, for one. */
export function ownString(octets: string): string {
  return Buffer.from(octets, "latin1").toString("latin1")
}

/** The beginning of percent-encoded UTF-8, at most `most` characters of it, cut between two characters of the text. */
export function cutPercentEncoded(text: string, most: number): string {
  if (text.length <= most) return text
  let end = Math.max(0, most)
  if (text[end - 1] === "%") end -= 1
  else if (text[end - 2] === "%") end -= 2
  // The last character may be of up to four octets, an escape each: without all of them it goes.
  for (let at = end, following = 0; at >= 3 && text[at - 3] === "%" && following < 4; at -= 3, following++) {
    const octet = Number.parseInt(text.slice(at - 2, at), 16)
    const isFollowing = (octet & 0xc0) === 0x80
    if (isFollowing) continue
    const wanted = octet >= 0xf0 ? 3 : octet >= 0xe0 ? 2 : octet >= 0xc0 ? 1 : 0
    return text.slice(0, following < wanted ? at - 3 : end)
  }
  return text.slice(0, end)
}
