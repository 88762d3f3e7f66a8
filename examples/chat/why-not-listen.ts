import { createServer } from "node:net"

/** Why that address cannot be listened on, in words: `port 3001 is taken`. Null: one can. */
export function whyNotListen(port: number, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once("error", ({ code, message }: NodeJS.ErrnoException) => {
      if (code === "EADDRINUSE") resolve(`port ${port} is taken`)
      else if (code === "EACCES") resolve(`no permission for port ${port}`)
      else if (code === "EADDRNOTAVAIL") resolve(`this machine has no address ${host}`)
      else resolve(message)
    })
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(null)))
  })
}
