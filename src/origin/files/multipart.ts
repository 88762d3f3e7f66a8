import { open } from "node:fs/promises"
import { Readable } from "node:stream"
import type { OctetRange } from "./ranges.ts"

/** Several ranges of a file as one body: RFC 9110 §14.6, written as nginx writes it. */
export interface Multipart {
  readonly contentType: string
  readonly octets: number
  /** It is open. */
  readonly body: Readable
}

export interface MultipartOptions {
  /** Of the file, in octets. */
  readonly path: string
  readonly octets: number
  readonly ranges: readonly OctetRange[]
  /** Of the file; empty: none is said. */
  readonly type: string
  /** From 0 to 1: the boundary is not to be foreseen by those who write files. */
  readonly random: number
}

/** Rejects where the file cannot be opened. */
export async function openMultipart(options: MultipartOptions): Promise<Multipart> {
  const { path, octets, ranges, type, random } = options
  const boundary = String(Math.floor(random * Number.MAX_SAFE_INTEGER)).padStart(20, "0")
  const typeLine = type === "" ? "" : `Content-Type: ${type}\r\n`
  const heads = ranges.map(({ start, end }) =>
    Buffer.from(
      `\r\n--${boundary}\r\n${typeLine}Content-Range: bytes ${start}-${end - 1}/${octets}\r\n\r\n`,
      "latin1",
    ),
  )
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`, "latin1")
  const file = await open(Buffer.from(path, "latin1"))
  const body = Readable.from(
    (async function* parts() {
      for (const [at, { start, end }] of ranges.entries()) {
        yield heads[at]!
        yield* file.createReadStream({ start, end: end - 1, autoClose: false }) as AsyncIterable<Buffer>
      }
      yield tail
    })(),
  )
  body.once("close", () => void file.close().catch(() => {}))
  const said = ranges.reduce((sum, { start, end }, at) => sum + heads[at]!.length + end - start, tail.length)
  return { contentType: `multipart/byteranges; boundary=${boundary}`, octets: said, body }
}
