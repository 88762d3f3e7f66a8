import { expect, test } from "vitest"
import type { RouteConfig, ServerConfig } from "../model.ts"
import { readNginxConfig } from "./read.ts"

const FILES = { read: () => Buffer.alloc(0), list: () => [], resolve: (_from: string, path: string) => path }

/** Of each server and location, in file order, what it checks links against; -: nothing. */
function checked(text: string): string[] {
  const { config } = readNginxConfig(text, "/etc/sluice/nginx.conf", FILES as never)
  const { servers, variables } = config!
  const of = ({ rewrite }: Pick<RouteConfig, "rewrite">): string => {
    const step = rewrite.find((each) => each.kind === "set" && each.variable === "secure_link_here")
    const name = step?.kind === "set" ? `secure_link_${step.template}` : null
    const made = variables.find((each) => each.name === name)
    if (made?.kind === "secureLink") return `${made.of} ${made.md5}`
    return made?.kind === "secureLinkPath" ? made.secret : "-"
  }
  const ofRoute = (route: RouteConfig): string[] => [of(route), ...route.routes.flatMap(ofRoute)]
  return servers.flatMap((server: ServerConfig) => [of(server), ...server.routes.flatMap(ofRoute)])
}

const ANSWER = 'return 200 "$secure_link";'

test.each<[what: string, text: string, said: string[]]>([
  [
    "servers with a secret each and what is checked in common",
    `secure_link $arg_h;
     server { server_name a; secure_link_md5 "$uri S1"; location / { ${ANSWER} } }
     server { server_name b; secure_link_md5 "$uri S2"; location / { ${ANSWER} } }`,
    ["$arg_h $uri S1", "$arg_h $uri S1", "$arg_h $uri S2", "$arg_h $uri S2"],
  ],
  [
    "servers that check something each, with one secret",
    `secure_link_md5 "$uri S";
     server { server_name a; secure_link $arg_a; location / { ${ANSWER} } }
     server { server_name b; secure_link $arg_b; location / { ${ANSWER} } }`,
    ["$arg_a $uri S", "$arg_a $uri S", "$arg_b $uri S", "$arg_b $uri S"],
  ],
  [
    "a secret within, inherited",
    `server { secure_link $arg_h; secure_link_md5 outer; location /x/ { ${ANSWER} }
       location /a/ { secure_link_md5 inner; ${ANSWER} location /a/b/ { ${ANSWER} } } }`,
    ["$arg_h outer", "$arg_h outer", "$arg_h inner", "$arg_h inner"],
  ],
  [
    "a path's secret hides what is around it, from within too",
    `server { secure_link $arg_h; secure_link_md5 outer;
       location /a/ { secure_link_secret path; ${ANSWER} location /a/b/ { ${ANSWER} location /a/b/c { ${ANSWER} } }
         location /a/half { secure_link_md5 inner; ${ANSWER} }
         location /a/own { secure_link $arg_i; secure_link_md5 inner; ${ANSWER} location /a/own/in { ${ANSWER} } } } }`,
    ["$arg_h outer", "path", "path", "path", "-", "$arg_i inner", "$arg_i inner"],
  ],
])("%s", (_, text, said) => {
  const servers = text.replaceAll("server {", "server { listen 1;")
  expect(checked(`http { ${servers} }`)).toEqual(said)
})
