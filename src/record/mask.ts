/** Keeps secrets out of what people are shown: heads of streams, configurations, errors. */

/** Names of headers and parameters whose values are secrets, or may well be. */
const SECRET_NAME =
  /(^|[^a-z])(auth|authorization|authentication|cookie|token|secret|password|passwd|pwd|api-?key|apikey|access-?key|session|sid|signature|sig|credential|jwt|bearer|otp|csrf|xsrf)s?($|[^a-z])/i

/** `sessionToken` is two words. */
function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.replace(/([a-z0-9])([A-Z])/g, "$1-$2"))
}

function masked(value: string): string {
  return `<masked, ${value.length} octets>`
}

/** A header's value, or what stands for it where it is a secret. */
export function maskHeader(name: string, value: string): string {
  return isSecretName(name) && value !== "" ? masked(value) : maskText(value)
}

/** Text with the secrets taken out that can be told by their form: credentials, tokens, parameters of an address. */
export function maskText(text: string): string {
  return maskQuery(text)
    .replace(
      /\b(Bearer|Basic|Digest|Negotiate)\s+[\w.~+/=-]{6,}/gi,
      (_, scheme: string) => `${scheme} <masked>`,
    )
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, "<masked>")
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#@]+@/gi, "$1<masked>@")
}

/** `/x?id=7&token=abc` as `/x?id=7&token=<masked>`. */
function maskQuery(text: string): string {
  if (!text.includes("=")) return text
  return text.replace(
    /([?&;])([^=&;?#\s]+)=([^&;#\s]*)/g,
    (all, sign: string, name: string, value: string) =>
      value !== "" && isSecretName(decoded(name)) ? `${sign}${name}=<masked>` : all,
  )
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
