import { expect, test } from "vitest"
import { unixAddress } from "../config/address.ts"
import { defaultConfig, defaultListener } from "../config/defaults.ts"
import type { Config, ListenerConfig } from "../config/model.ts"
import { StartSettings } from "./start-settings.ts"

const listener = (path: string, changes: Partial<ListenerConfig> = {}) => ({
  ...defaultListener(unixAddress(path)),
  ...changes,
})
const config = (changes: Partial<Config> = {}): Config => ({
  ...defaultConfig(),
  listeners: [listener("/a")],
  ...changes,
})

test.for([
  ["nothing", {}, []],
  ["what a reload can change", { shutdown: { graceMs: 1 }, clusters: [] }, []],
  [
    "all of the process",
    { workers: 3, pidFile: "/p", log: { level: "debug", path: "stderr" }, limits: { streamsMax: 5 } },
    ["workers (worker_processes)", "log (error_log)", "pidFile (pid)", "limits"],
  ],
  [
    "a socket's",
    { listeners: [listener("/a", { backlog: 5, reusePort: true, ipv6Only: false, socketKeepalive: true })] },
    [
      "backlog of unix:/a",
      "reusePort (reuseport) of unix:/a",
      "ipv6Only (ipv6only) of unix:/a",
      "socketKeepalive (so_keepalive) of unix:/a",
    ],
  ],
  ["a socket that is new", { listeners: [listener("/b", { backlog: 5 })] }, []],
] as const)(
  "of a new configuration that changes %s, what waits for the next start is named",
  ([, changes, names]) => {
    expect(new StartSettings(config()).reloaded(config(changes as Partial<Config>))).toEqual(names)
  },
)

test("a socket has what it was opened with, also by a reload", () => {
  const settings = new StartSettings(config())
  const [two, twoDeep] = [listener("/b"), listener("/b", { backlog: 5 })]
  expect(settings.reloaded(config({ listeners: [two] }))).toEqual([])
  expect(settings.reloaded(config({ listeners: [twoDeep] }))).toEqual(["backlog of unix:/b"])
  expect(settings.reloaded(config({ listeners: [] }))).toEqual([])
  expect(settings.reloaded(config({ listeners: [twoDeep] }))).toEqual([])
})
