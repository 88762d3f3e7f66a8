import { tlsReason } from "./tls-reason.ts"

/** `connection refused` for ECONNREFUSED and so on: what an operator would say. */
export function errorReason(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused"
    case "ECONNRESET":
    case "EPIPE":
      return "connection reset by peer"
    case "ETIMEDOUT":
      return "connection timed out"
    case "EHOSTUNREACH":
      return "no route to host"
    case "ENETUNREACH":
      return "network unreachable"
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "host name not found"
    case "ENOENT":
      return "no such socket"
    case "EMFILE":
    case "ENFILE":
      return "too many open files"
    default:
      return tlsReason(error) ?? (code === undefined ? error.message : `${code}: ${error.message}`)
  }
}
