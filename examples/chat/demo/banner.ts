export interface Addresses {
  balancer: "sluice" | "nginx"
  servers: { port: number; pid: number }[]
  listenPort: number
  /** Undefined where nothing serves it. */
  pageUrl: string | undefined
  /** Sluice's own page; undefined likewise. */
  dashboardUrl?: string | undefined
  /** Paths as they can be typed from where the demo was started. */
  articleConfig: string
  accessLog: string
  /** What to type for each program, less its options. */
  commands: { start: string; client: string; server: string }
  changes: { from: string; to: string }[]
  /** The balancer's, had it been free. */
  portWanted: number
}

const TITLE = { sluice: "Sluice", nginx: "nginx" }

/** What listens where, what differs from the article, and what to type next. */
export function banner(addresses: Addresses): string {
  const { servers, listenPort, commands } = addresses
  const title = TITLE[addresses.balancer]
  const [first] = servers
  const sections: string[][] = [
    [
      ...(addresses.pageUrl === undefined ? [] : [`Open ${addresses.pageUrl}`]),
      `The chat is running behind ${title}.`,
      ...takenPorts(addresses),
    ],
    [
      ...(addresses.dashboardUrl === undefined ? [] : [row("dashboard", addresses.dashboardUrl)]),
      row(title, `127.0.0.1:${listenPort}`, `on ${addresses.articleConfig}`),
      ...servers.map(({ port, pid }, index) =>
        row(`chat server ${"AB"[index]}`, `127.0.0.1:${port}`, `pid ${pid}`),
      ),
      row("access log", addresses.accessLog),
    ],
    [
      "What differs from that file, so that it runs without root:",
      ...addresses.changes.map(
        ({ from, to }) => `  ${from.trim().replace(/;$/, "")}  ->  ${to.trim().replace(/;$/, "")}`,
      ),
      ...(addresses.pageUrl === undefined
        ? []
        : [
            "  a location /ws, where the page's WebSocket becomes a call of /chat.Chat/BidStream",
            "  a location = /, which tells a browser on the gRPC port where the page is",
            "  grpc_continuity handoff resume: a conversation goes on when its chat server dies",
            "  sluice_admin, where the page and the dashboard see what Sluice does",
          ]),
    ],
    [
      "Next, in another terminal (and in a third, to meet the other server):",
      `  ${commands.client} --server 127.0.0.1:${listenPort}`,
      "and type, a line each:",
      "  你好            echoed",
      "  返回数据流      ten messages at once",
      "  结束对话        the server ends the conversation",
    ],
    [
      addresses.balancer === "nginx"
        ? "See a server die, and its conversations with it; then start it again:"
        : "See a server die while its conversations go on at the other, by the page's button or by hand:",
      `  kill -9 ${first!.pid}`,
      `  ${commands.server} --port ${first!.port} --name A`,
    ],
    [
      addresses.balancer === "nginx"
        ? "Leave the client silent: nginx cuts it after 60 s. Sluice, which runs without --balancer nginx, does not."
        : `Leave the client silent for as long as you like. nginx cuts it after 60 s: ${commands.start} --balancer nginx`,
    ],
    ["Ctrl-C ends everything."],
  ]
  return `\n${sections.map((lines) => lines.map((line) => `  ${line}`).join("\n")).join("\n\n")}\n`
}

/** What did not get the port it was to have. */
function takenPorts({ servers, listenPort, portWanted }: Addresses): string[] {
  const ports = [
    ...servers.map(({ port }, index) => ({ wanted: 3000 + index, got: port })),
    { wanted: portWanted, got: listenPort },
  ]
  return ports
    .filter(({ wanted, got }) => wanted !== got)
    .map(({ wanted, got }) => {
      const holder = servers.findIndex(({ port }) => port === wanted)
      const who = holder < 0 ? "something else" : `chat server ${"AB"[holder]}`
      return `Port ${wanted} is taken by ${who}: ${got} instead.`
    })
}

function row(what: string, where: string, more = ""): string {
  return `${what.padEnd(14)} ${where}${more && "   "}${more}`
}
