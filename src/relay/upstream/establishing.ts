/** HTTP/2 on a connection that comes up. */
interface Coming {
  /** Timeouts of the handshake start. */
  connected(nowMs: number): void
  receiveEnd(reason: string): void
}

/** Whether the socket, and TLS on it, is there. Handshake timeouts start then; one that is not there within `mostMs` is ended. */
export function lookIfUp(
  http2: Coming,
  link: { readonly isUp: boolean },
  nowMs: number,
  startedMs: number,
  mostMs: number,
): boolean {
  if (link.isUp) http2.connected(nowMs)
  else if (nowMs - startedMs > mostMs) http2.receiveEnd(`no connection within ${mostMs} ms`)
  return link.isUp
}
