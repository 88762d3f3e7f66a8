import type { StreamDetail } from "./api.ts"

/** What gRPC adds by itself, and what belongs to one connection. */
const OWN =
  /^(:|te$|content-type$|user-agent$|grpc-(encoding|accept-encoding|timeout)$|content-length$|host$)/

/** The same call by grpcurl, to the endpoint itself. Masked headers stay masked: they have to be filled in. */
export function grpcurl({ authority, endpoint, path, requestHeaders }: StreamDetail): string {
  const headers = requestHeaders.filter(([name]) => !OWN.test(name))
  return [
    "grpcurl -plaintext",
    `-authority ${quoted(authority)}`,
    ...headers.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    "-d @",
    quoted(endpoint === "" ? authority : endpoint),
    quoted(path.replace(/^\//, "")),
  ].join(" ")
}

/** One word of a shell. */
function quoted(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
