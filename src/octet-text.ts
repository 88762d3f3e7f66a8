/** Text as requests hold it: UTF-8, one character per octet. To a regex too each octet is then a character, as in nginx. */
export function octetText(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1")
}
