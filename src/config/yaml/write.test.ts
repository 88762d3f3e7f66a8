import fc from "fast-check"
import { expect, test } from "vitest"
import { arbitraryConfig } from "../../../test/support/arbitrary-config.ts"
import { hostAddress } from "../address.ts"
import {
  defaultCluster,
  defaultConfig,
  defaultEndpoint,
  defaultListener,
  defaultRoute,
  defaultRouteSettings,
} from "../defaults.ts"
import { loadConfig } from "../load.ts"
import type { Config } from "../model.ts"
import { loadYaml } from "./load.ts"
import { toYaml } from "./write.ts"

test("what is written is read back as an equal configuration", () => {
  fc.assert(
    fc.property(arbitraryConfig(), (config) => {
      const text = toYaml(config)
      const { config: read, problems } = loadYaml(text, "sluice.yaml")
      expect(
        problems.filter(({ severity }) => severity === "error"),
        text,
      ).toEqual([])
      expect(read).toEqual(config)
    }),
    { numRuns: 200 },
  )
})

test.each(["one", "two"])("the article's %s.conf as sluice.yaml is the same configuration", (name) => {
  const { config } = loadConfig(`examples/chat/nginx/${name}.conf`)
  expect(loadYaml(toYaml(config!), "sluice.yaml")).toEqual({ config, problems: [] })
})

test("writing leaves out what is the default", () => {
  const config: Config = {
    ...defaultConfig(),
    listeners: [defaultListener(hostAddress("0.0.0.0", 8080))],
    clusters: [
      {
        ...defaultCluster("chat"),
        endpoints: [3000, 3001].map((port) => defaultEndpoint(hostAddress("127.0.0.1", port))),
      },
    ],
    servers: [
      {
        names: [""],
        listeners: ["0.0.0.0:8080"],
        defaultFor: [],
        order: "nginx",
        underscoresInHeaders: false,
        mergeSlashes: true,
        rewrite: [],
        fallback: defaultRouteSettings(),
        routes: [
          {
            match: { kind: "prefix", path: "/", final: false },
            action: { kind: "cluster", cluster: "chat", tls: null },
            settings: { ...defaultRouteSettings(), readTimeoutMs: 300_000 },
            ...defaultRoute(),
          },
        ],
      },
    ],
  }
  expect(toYaml(config, "./s.json")).toBe(`# yaml-language-server: $schema=./s.json
listeners: 8080
routes:
  - prefix: /
    cluster: chat
    readTimeout: 5m
clusters:
  chat:
    - 127.0.0.1:3000
    - 127.0.0.1:3001
`)
})
