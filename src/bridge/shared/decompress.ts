import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib"

/** Undoes a compression, where it is one that is known. */
const decompressors: Readonly<
  Record<string, (octets: Buffer, options: { maxOutputLength: number }) => Buffer>
> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
}

/** Why octets could not be decompressed. */
export interface DecompressFault {
  readonly kind: "unknown" | "too_large" | "malformed"
}

/**
 * Undoes `encoding`. What comes out is bounded by `maxOctets`, so the time it takes is too: about 10 ms for 4 MiB.
 * Only JSON needs it; everything else goes through compressed.
 */
export function decompress(encoding: string, octets: Buffer, maxOctets: number): Buffer | DecompressFault {
  const decompressor = Object.hasOwn(decompressors, encoding) ? decompressors[encoding] : undefined
  if (decompressor === undefined) return { kind: "unknown" }
  try {
    return decompressor(octets, { maxOutputLength: maxOctets })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { kind: code === "ERR_BUFFER_TOO_LARGE" ? "too_large" : "malformed" }
  }
}
