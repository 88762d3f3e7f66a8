import type { Config, RouteSettings } from "../../config/model.ts"
import { fileName, isPem } from "../../config/pem.ts"
import { maskHeader, maskText } from "../../record/mask.ts"

/** What a link's hash is made of, and `proxy_set_body`: secrets, or texts with secrets in them. */
const TEXTS_WITH_SECRETS: ReadonlySet<string> = new Set(["secret", "md5", "body"])

/** The configuration with every secret in it masked. */
export function maskedConfig(config: Config): Config {
  return masked(config) as Config
}

function masked(value: unknown): unknown {
  if (typeof value === "string") return isPem(value) ? fileName(value) : maskText(value)
  if (Array.isArray(value)) return value.map(masked)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => {
      if (key === "setHeaders") return [key, (each as RouteSettings["setHeaders"]).map(setHeader)]
      if (key === "headers") return [key, (each as [string, string][]).map(maskAll)]
      if (key === "addHeaders" || key === "addTrailers")
        return [key, (each as RouteSettings["addHeaders"]).map(addHeader)]
      if (TEXTS_WITH_SECRETS.has(key) && typeof each === "string") return [key, maskValue("secret", each)]
      return [key, masked(each)]
    }),
  )
}

/** Of a collector of spans: what is written there is a key, as a rule. */
function maskAll([name, value]: [string, string]): [string, string] {
  return [name, maskHeader("key-token", value)]
}

function setHeader([name, template]: RouteSettings["setHeaders"][number]): [string, string] {
  return [name, maskValue(name, template)]
}

function addHeader(header: RouteSettings["addHeaders"][number]): RouteSettings["addHeaders"][number] {
  return { ...header, template: maskValue(header.name, header.template) }
}

/** What comes from the request alone is no secret of the configuration's. */
function maskValue(name: string, template: string): string {
  return /^\$(\w+|\{\w+\})$/.test(template) ? template : maskHeader(name, template)
}
