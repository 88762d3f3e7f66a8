import type { ClientRequest } from "node:http"

/**
 * Makes an answer 101, which was not asked for, an error of `request`. Node by itself ends the socket and says neither
 * that there is an answer nor that there will be none.
 */
export function refuseUpgrade(request: ClientRequest): void {
  request.once("upgrade", ({ statusCode }, socket) => {
    socket.destroy()
    request.emit("error", new Error(`it answered ${statusCode}`))
  })
}
