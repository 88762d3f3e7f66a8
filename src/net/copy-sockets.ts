/** A program: sends the sockets that it inherited, from descriptor 4 on, back to its parent. See `copySockets`. */
import { openDescriptor } from "./socket-handle.ts"

const FIRST_FD = 4

process.argv.slice(2).forEach((copies, order) => {
  const handle = openDescriptor(FIRST_FD + order)
  if (typeof handle === "number") throw new Error(`descriptor ${FIRST_FD + order} is not a socket`)
  // Node sends what a net.Server has below it as it is.
  for (let i = 0; i < Number(copies); i++) process.send!(order, handle as never)
})
process.once("disconnect", () => process.exit())
