import { expect, test } from "vitest"
import { banner } from "./banner.ts"

test.for([
  ["nobody", [3000, 3001], 8080, []],
  [
    "others",
    [3000, 3002],
    8081,
    [
      "Port 3001 is taken by something else: 3002 instead.",
      "Port 8080 is taken by something else: 8081 instead.",
    ],
  ],
  [
    "the demo itself",
    [3001, 3002],
    8080,
    [
      "Port 3000 is taken by something else: 3001 instead.",
      "Port 3001 is taken by chat server A: 3002 instead.",
    ],
  ],
] as const)("ports that %s holds are told", ([, ports, listenPort, expected]) => {
  const text = banner({
    balancer: "sluice",
    servers: ports.map((port) => ({ port, pid: 1 })),
    listenPort,
    portWanted: 8080,
    pageUrl: undefined,
    articleConfig: "two.conf",
    accessLog: "access.log",
    commands: { start: "start", client: "client", server: "server" },
    changes: [],
  })
  expect(text.match(/Port .*/g) ?? []).toEqual(expected)
})
