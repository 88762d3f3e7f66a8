import { createHash, timingSafeEqual } from "node:crypto"
import type { StreamRecord } from "../record.ts"
import type { Template } from "../template.ts"
import type { TemplateEnvironment, Variable } from "../variables.ts"

/** nginx: `secure_link` and `secure_link_md5`, for `$secure_link` and `$secure_link_expires`. */
export interface SecureLinkVariable {
  kind: "secureLink"
  name: string
  /** A template that comes to a hash and, behind a comma, the second at which it expires. */
  of: string
  /** A template of what was hashed by MD5; null: the variable is that second. */
  md5: string | null
}

/** nginx: `secure_link_secret`, for `$secure_link`. */
export interface SecureLinkPathVariable {
  kind: "secureLinkPath"
  name: string
  secret: string
}

/** Of a target `/prefix/hash/link` as it was received, the link where the hash is that of link and secret; else empty. */
export function secureLinkPathVariable(
  { secret }: Pick<SecureLinkPathVariable, "secret">,
  template: (source: string) => Template,
): Variable {
  const target = template("$request_uri")
  return (record, env) => {
    const [, hash, link] = /^\/[^/]*\/([0-9a-f]{32})\/(.*)$/is.exec(target.render(record, env)) ?? []
    if (hash === undefined) return undefined
    const own = createHash("md5").update(Buffer.from(link!, "latin1")).update(secret).digest()
    return timingSafeEqual(own, Buffer.from(hash, "hex")) ? link : undefined
  }
}

/** Empty where the hash is not the one, 0 where it has expired, 1 where it holds. Source: ngx_http_secure_link_module.c. */
export function secureLinkVariable(
  { of, md5 }: Pick<SecureLinkVariable, "of" | "md5">,
  template: (source: string) => Template,
): Variable {
  const value = template(of)
  if (md5 === null) return (record, env) => readLink(value.render(record, env))?.expires || undefined
  const hashed = template(md5)
  return (record: StreamRecord, env: TemplateEnvironment) => {
    const link = readLink(value.render(record, env))
    if (link === null) return undefined
    const own = createHash("md5")
      .update(Buffer.from(hashed.render(record, env), "latin1"))
      .digest()
    if (!timingSafeEqual(own, link.hash)) return undefined
    return link.expires !== "" && Number(link.expires) < Math.floor(env.clock.wallMs() / 1000) ? "0" : "1"
  }
}

/** `expires`: empty where none is said. Null: it is no such link. */
function readLink(text: string): { hash: Buffer; expires: string } | null {
  const comma = text.indexOf(",")
  const expires = comma < 0 ? "" : text.slice(comma + 1)
  if (comma >= 0 && !/^0*[1-9]\d{0,17}$/.test(expires)) return null
  const written = comma < 0 ? text : text.slice(0, comma)
  if (!/^[\w-]{22}={0,2}$/.test(written)) return null
  return { hash: Buffer.from(written, "base64url"), expires }
}
