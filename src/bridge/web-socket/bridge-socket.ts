import { WebSocket } from "ws"

/** Pongs that may wait for a client that does not read; RFC 6455 §5.5.3 lets all but the last be left out. */
const PONGS_MAX = 32

/** A WebSocket that tells its user before it closes, whichever side asked, while the user can still send. */
export class BridgeSocket extends WebSocket {
  /** `code` is `ws`'s own verdict on what the client sent (RFC 6455 §7.4.1), or null when the client closes. */
  onClosing: ((code: number | null) => void) | null = null

  #pongsWaiting = 0
  /** The last ping that could not be answered at once. */
  #pingLeft: Buffer | null = null

  /** To be called for each ping. */
  answerPing(payload: Buffer): void {
    if (this.#pongsWaiting >= PONGS_MAX) {
      this.#pingLeft = payload
      return
    }
    this.#pongsWaiting++
    this.pong(payload, false, () => {
      this.#pongsWaiting--
      const left = this.#pingLeft
      this.#pingLeft = null
      if (left !== null) this.answerPing(left)
    })
  }

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
