import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { LogLines } from "../../test/support/log-lines.ts"
import { testDirectory } from "../../test/support/sluice-process.ts"
import { loadConfig } from "../config/load.ts"
import type { Config } from "../config/model.ts"
import { reload } from "./reload.ts"
import { StartSettings } from "./start-settings.ts"
import { Teller } from "./teller.ts"

const GOOD = "server { listen 127.0.0.1:80 http2; location / { grpc_pass 127.0.0.1:3000; } }\n"

test.for([
  ["nothing when all of it is in force", `${GOOD}worker_shutdown_timeout 5s;\n`, []],
  [
    "what waits for the next start",
    `worker_processes 7;\n${GOOD.replace("http2;", "http2 backlog=5;")}`,
    [
      {
        level: "warn",
        message: "changed settings that hold from the next start only",
        settings: "workers (worker_processes), backlog of 127.0.0.1:80",
      },
    ],
  ],
  [
    "its problems",
    `server { listen 127.0.0.1:80 http2; access_log /nowhere/a.log; location / { grpc_pas a; } }\n`,
    [
      {
        level: "error",
        message: "the configuration has errors; the old one stays",
        problems: ['PATH:1:77: unknown directive "grpc_pas"'],
      },
    ],
  ],
  [
    "ten of many",
    "x;\n".repeat(12),
    [
      {
        level: "error",
        message: "the configuration has errors; the old one stays",
        problems: [
          ...Array.from({ length: 10 }, (_, index) => `PATH:${index + 1}:1: unknown directive "x"`),
          "and 2 more",
        ],
      },
    ],
  ],
] as const)("a reload says in the log: %s", async ([, text, lines], t) => {
  const path = join(testDirectory(t), "nginx.conf")
  writeFileSync(path, GOOD)
  const log = new LogLines()
  const options = {
    path,
    strict: false,
    balancer: { reload: () => Promise.resolve() },
    asHere: (config: Config) => config,
    settings: new StartSettings(loadConfig(path).config!),
    log: log.log,
    teller: new Teller(true),
  }
  writeFileSync(path, text)
  await reload(options)
  const said = log.lines.map(({ time: _, ...line }) => line)
  expect(JSON.parse(JSON.stringify(said).replaceAll(path, "PATH"))).toEqual(lines)
})
