import { open } from "node:fs/promises"
import { Readable } from "node:stream"
import type { OctetRange } from "./ranges.ts"

/** Octets of a file that are read at once: as Node's streams of files have it. */
const READ_OCTETS = 65_536

/** Several ranges of a file as one body: RFC 9110 §14.6, written as nginx writes it. */
export interface Multipart {
  readonly contentType: string
  readonly octets: number
  /** Rejects where the file cannot be opened. It is closed with the body. */
  open(): Promise<Readable>
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

export function multipartOf(options: MultipartOptions): Multipart {
  const { path, octets, ranges, type, random } = options
  const boundary = String(Math.floor(random * Number.MAX_SAFE_INTEGER)).padStart(20, "0")
  const typeLine = type === "" ? "" : `Content-Type: ${type}\r\n`
  const headOf = ({ start, end }: OctetRange): string =>
    `\r\n--${boundary}\r\n${typeLine}Content-Range: bytes ${start}-${end - 1}/${octets}\r\n\r\n`
  const tail = `\r\n--${boundary}--\r\n`
  return {
    contentType: `multipart/byteranges; boundary=${boundary}`,
    octets: ranges.reduce((sum, range) => sum + headOf(range).length + range.end - range.start, tail.length),
    open: () => openParts(path, ranges, headOf, tail),
  }
}

async function openParts(
  path: string,
  ranges: readonly OctetRange[],
  headOf: (range: OctetRange) => string,
  tail: string,
): Promise<Readable> {
  const file = await open(Buffer.from(path, "latin1"))
  const body = Readable.from(
    (async function* parts() {
      for (const range of ranges) {
        yield Buffer.from(headOf(range), "latin1")
        for (let at = range.start; at < range.end; ) {
          const buffer = Buffer.allocUnsafe(Math.min(READ_OCTETS, range.end - at))
          const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
          // The file is shorter than it was; so is the body.
          if (bytesRead === 0) return
          yield buffer.subarray(0, bytesRead)
          at += bytesRead
        }
      }
      yield Buffer.from(tail, "latin1")
    })(),
  )
  // Also where nothing of it was read, and behind a read that is under way.
  body.once("close", () => void file.close().catch(() => {}))
  return body
}
