/** Where the servers of a file listen: each says so, on ports that are free here. */
import type { Directive, Word } from "../../src/config/nginx/ast.ts"

/** HTTP/3 is no one's here; a server that says no address has port 80. */
export function writeListens(http: Directive[]): void {
  const isQuic = ({ name, args }: Directive): boolean =>
    name.text === "listen" && args.some(({ text }) => text === "quic")
  for (const server of [...http]) {
    if (server.name.text !== "server" || server.block === null) continue
    const written = server.block
    server.block = written.filter((directive) => !isQuic(directive))
    if (server.block.some(({ name }) => name.text === "listen")) continue
    if (written.some(isQuic)) http.splice(http.indexOf(server), 1)
    else
      server.block.push({ ...server, name: word("listen", server), args: [word("80", server)], block: null })
  }
}

const word = (text: string, like: Directive): Word => ({ text, span: like.name.span })
