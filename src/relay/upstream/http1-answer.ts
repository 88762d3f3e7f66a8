/** The start of an HTTP/1.1 response. */
const START = Buffer.from("HTTP/1.", "latin1")

/** The first octets of a connection are those of a server that does not speak HTTP/2. */
export function isHttp1Answer(octets: Buffer, start: number, end: number): boolean {
  const length = Math.min(START.length, end - start)
  return octets.compare(START, 0, length, start, start + length) === 0
}
