import { writableValue } from "../../record/written-field.ts"

const BODILESS = new Set([204, 304])

/** The text of a `return` of that status is a location. */
export function isRedirect(status: number): boolean {
  return (status >= 301 && status <= 303) || status === 307 || status === 308
}

/** What nginx's `return` answers: its head, names and values in turn, and its body. `octets` are rendered text, or a location. */
export function returnReply(
  status: number,
  octets: string,
  contentType: string,
): { fields: string[]; body: Buffer } {
  const isLocation = isRedirect(status)
  const fields = [":status", String(status)]
  if (isLocation) fields.push("location", writableValue(octets))
  if (BODILESS.has(status)) return { fields, body: Buffer.alloc(0) }
  const body = Buffer.from(isLocation ? "" : octets, "latin1")
  const type = writableValue(contentType)
  if (!isLocation && type !== "") fields.push("content-type", type)
  fields.push("content-length", String(body.length))
  return { fields, body }
}
