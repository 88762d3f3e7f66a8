const ASCII = /^[\x00-\x7f]*$/

/** Text as requests hold it: UTF-8, one character per octet. To a regex too each octet is then a character, as in nginx. */
export function octetText(text: string): string {
  return ASCII.test(text) ? text : Buffer.from(text, "utf8").toString("latin1")
}

/** The text of such octets; what is no UTF-8 becomes U+FFFD. */
export function textOfOctets(octets: string): string {
  return ASCII.test(octets) ? octets : Buffer.from(octets, "latin1").toString("utf8")
}
