import { WebSocket } from "ws"

/** A WebSocket that tells its user before it closes, by whoever's wish, while the user can still send. */
export class BridgeSocket extends WebSocket {
  /** `code` is `ws`'s own verdict on what the client sent (RFC 6455 §7.4.1), or null when the client closes. */
  onClosing: ((code: number | null) => void) | null = null

  override close(code?: number, data?: string | Buffer): void {
    const tell = this.readyState === WebSocket.OPEN ? this.onClosing : null
    this.onClosing = null
    // The client's own code comes with its reason, empty or not; a verdict comes without.
    tell?.(code !== undefined && data === undefined ? code : null)
    super.close(code, data)
  }

  /** Closes without asking anybody. */
  finish(code: number): void {
    this.onClosing = null
    super.close(code)
  }
}
