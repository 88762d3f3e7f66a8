import { writableValue } from "../../record/written-field.ts"

const REDIRECTS = new Set([301, 302, 303, 307, 308])
const BODILESS = new Set([204, 304])

/** What nginx's `return` answers: its head, names and values in turn, and its body. `octets` are rendered text, or a location. */
export function returnReply(
  status: number,
  octets: string,
  contentType: string,
): { fields: string[]; body: Buffer } {
  const isRedirect = REDIRECTS.has(status)
  const fields = [":status", String(status)]
  if (isRedirect) fields.push("location", writableValue(octets))
  if (BODILESS.has(status)) return { fields, body: Buffer.alloc(0) }
  const body = Buffer.from(isRedirect ? "" : octets, "latin1")
  const type = writableValue(contentType)
  if (!isRedirect && type !== "") fields.push("content-type", type)
  fields.push("content-length", String(body.length))
  return { fields, body }
}
