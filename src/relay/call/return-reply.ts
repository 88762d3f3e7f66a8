import { writableValue } from "../../record/written-field.ts"

const BODILESS = new Set([204, 304])

/** What nginx's `return` answers with a text: its head, names and values in turn, and its body. `octets` are rendered text. */
export function returnReply(
  status: number,
  octets: string,
  contentType: string,
): { fields: string[]; body: Buffer } {
  const fields = [":status", String(status)]
  if (BODILESS.has(status)) return { fields, body: Buffer.alloc(0) }
  const body = Buffer.from(octets, "latin1")
  const type = writableValue(contentType)
  if (type !== "") fields.push("content-type", type)
  fields.push("content-length", String(body.length))
  return { fields, body }
}
