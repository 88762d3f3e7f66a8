import type { Transform } from "node:stream"
import {
  brotliDecompressSync,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
  gunzipSync,
  inflateSync,
  zstdDecompressSync,
} from "node:zlib"

interface Decompressor {
  readonly sync: (octets: Buffer, options: { maxOutputLength: number }) => Buffer
  readonly stream: (options: { chunkSize: number }) => Transform
}

const decompressors: Readonly<Record<string, Decompressor>> = {
  gzip: { sync: gunzipSync, stream: createGunzip },
  deflate: { sync: inflateSync, stream: createInflate },
  br: { sync: brotliDecompressSync, stream: createBrotliDecompress },
  zstd: { sync: zstdDecompressSync, stream: createZstdDecompress },
}

/** What can be undone, for people. */
export const KNOWN_ENCODINGS = "gzip, deflate, br and zstd"

/** Octets that come out are worth a thread of their own from here on; up to here they cost less than the way there. */
const AT_ONCE_OCTETS = 64 * 1024
const CHUNK_OCTETS = 64 * 1024

/** Why octets could not be decompressed. */
export type DecompressFault = "unknown" | "too_large" | "malformed"

/** Undoes `encoding` if that is little work; null: it is more. */
export function decompressAtOnce(
  encoding: string,
  octets: Buffer,
  maxOctets: number,
): Buffer | DecompressFault | null {
  const decompressor = find(encoding)
  if (decompressor === undefined) return "unknown"
  if (octets.length > AT_ONCE_OCTETS) return null
  try {
    return decompressor.sync(octets, { maxOutputLength: Math.min(maxOctets, AT_ONCE_OCTETS) })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") return "malformed"
    return maxOctets <= AT_ONCE_OCTETS ? "too_large" : null
  }
}

/**
 * Undoes `encoding` on another thread. What comes out is looked at while it comes: `onChunk` is told, and past `maxOctets`,
 * or when it says no, nothing more is asked for. Returns what gives it up; `onDone` is then not called.
 */
export function decompress(
  encoding: string,
  octets: Buffer,
  maxOctets: number,
  {
    onChunk,
    onDone,
  }: { onChunk: (chunk: Buffer) => void; onDone: (result: Buffer | DecompressFault) => void },
): () => void {
  const decompressor = find(encoding)
  if (decompressor === undefined) {
    onDone("unknown")
    return () => {}
  }
  const chunks: Buffer[] = []
  let length = 0
  const stream = decompressor.stream({ chunkSize: CHUNK_OCTETS })
  let isOver = false
  const finish = (result: Buffer | DecompressFault | null): void => {
    if (isOver) return
    isOver = true
    stream.destroy()
    if (result !== null) onDone(result)
  }
  stream.on("data", (chunk: Buffer) => {
    if (isOver) return
    length += chunk.length
    if (length > maxOctets) return finish("too_large")
    chunks.push(chunk)
    onChunk(chunk)
  })
  stream.on("end", () => finish(Buffer.concat(chunks, length)))
  stream.on("error", () => finish("malformed"))
  stream.end(octets)
  return () => finish(null)
}

function find(encoding: string): Decompressor | undefined {
  return Object.hasOwn(decompressors, encoding) ? decompressors[encoding] : undefined
}
