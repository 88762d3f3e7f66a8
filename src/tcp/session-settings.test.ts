import { expect, test } from "vitest"
import { defaultTcpSettings, defaultUpstreamTls } from "../config/defaults.ts"
import type { UpstreamTlsConfig } from "../config/shared-model.ts"
import type { TcpSettings } from "../config/tcp-model.ts"
import type { Template } from "../record/template.ts"
import { settingsFor } from "./session-settings.ts"

/** With `$x` in the place of every variable. */
function forSession(x: string, changes: Partial<TcpSettings>, tls: Partial<UpstreamTlsConfig> | null = null) {
  const settings = { ...defaultTcpSettings(), ...changes }
  const templateOf = (source: string) =>
    ({ render: () => source.replace("$x", () => x) }) as unknown as Template
  const its = tls === null ? null : { ...defaultUpstreamTls(), ...tls }
  return settingsFor(settings, its, templateOf)(null as never, null as never)
}

test.for<[said: string, rate: number | null]>([
  ["64", 64],
  ["64k", 65_536],
  ["2M", 2_097_152],
  ["0", null],
  ["", null],
  ["1g", null],
  ["-1", null],
  ["fast", null],
  ["9".repeat(13), null],
])("a rate of %j", ([said, rate]) => {
  const upload = forSession(said, { uploadOctetsPerSecond: "$x", downloadOctetsPerSecond: 5 })
  expect([upload.uploadOctetsPerSecond, upload.downloadOctetsPerSecond]).toEqual([rate, 5])
  const download = forSession(said, { downloadOctetsPerSecond: "$x" })
  expect([download.uploadOctetsPerSecond, download.downloadOctetsPerSecond]).toEqual([null, rate])
})

test.for<[said: string, address: string | null]>([
  ["127.0.0.2", "127.0.0.2"],
  ["[::1]:8000", "[::1]:8000"],
  ["", null],
  ["one.test", null],
])("a local address of %j", ([said, address]) => {
  expect(forSession(said, { bindAddress: "$x" }).bindAddress).toBe(address)
})

test("a name of the endpoint, without its port", () => {
  expect(forSession("Db.test:443", {}, { serverName: "$x" }).serverName).toBe("db.test")
  expect(forSession("y", {}, { serverName: "db.test" }).serverName).toBe(null)
})

test("without variables all sessions have the same", () => {
  const changes = { bindAddress: "127.0.0.2", uploadOctetsPerSecond: 7 }
  expect(forSession("y", changes)).toEqual({ ...defaultTcpSettings(), ...changes, serverName: null })
})
