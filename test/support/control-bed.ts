import type { TestContext } from "vitest"
import type { OpenAddress } from "../../src/balancer/status.ts"
import { systemClock } from "../../src/base/clock.ts"
import { fromInput } from "../../src/config/yaml/normalize.ts"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { Control } from "../../src/control/control.ts"
import { makeWorker } from "../../src/control/data-threads.ts"
import type { OnCommand } from "../../src/control/signals.ts"
import type { ProcessLog } from "../../src/log/logger.ts"
import { eventually } from "./eventually.ts"
import { freePort } from "./free-port.ts"
import { LogLines } from "./log-lines.ts"
import { RawClient } from "./raw-client.ts"
import type { RawServer } from "./raw-server.ts"

const addressOf = ({ port }: RawServer): string => `127.0.0.1:${port}`

/** Two data threads with the control side in this process. */
export async function startControl(
  t: TestContext,
  servers: readonly RawServer[],
  changes: Partial<SluiceYaml> = {},
) {
  const port = await freePort()
  const { config } = fromInput({
    workers: 2,
    listeners: `127.0.0.1:${port}`,
    clusters: { test: servers.map(addressOf) },
    ...changes,
  })
  const lines = new LogLines()
  const log: ProcessLog = Object.assign(lines.log, {
    setLevel: () => {},
    reopen: () => Promise.resolve(),
    close: () => Promise.resolve(),
    flushSync: () => {},
  })
  let command: OnCommand = () => {}
  let isListening: (addresses: OpenAddress[]) => void
  const listening = new Promise<OpenAddress[]>((resolve) => (isListening = resolve))
  const control = new Control({
    config: config!,
    threads: 2,
    load: () => Promise.resolve({ config, problems: [], sources: new Map() }),
    log,
    threadLog: { level: "error", path: "stderr", format: "json", color: false },
    clock: systemClock,
    signals: { onCommand: (handler) => (command = handler) },
    configFile: null,
    onEvent: () => {},
    openAdmin: () => Promise.resolve(null),
    inheritance: { sockets: [], isUpgrade: false },
    makeWorker,
    onListening: (addresses) => isListening(addresses),
    exit: () => {},
  })
  const done = control.run()
  await listening
  const clients: RawClient[] = []
  t.onTestFinished(async () => {
    for (const client of clients) client.destroy()
    command("stop", "test")
    await done
  })
  const connect = async (many: number): Promise<RawClient[]> => {
    const made = await Promise.all(Array.from({ length: many }, () => RawClient.connect(port)))
    clients.push(...made)
    return made
  }
  /** All threads have applied what was said until now. */
  const applied = async (): Promise<void> => {
    await Promise.resolve()
    await eventually(
      () => control.states.current.version === control.acknowledged,
      () => "all threads have applied it",
    )
  }
  return {
    control,
    listener: `127.0.0.1:${port}`,
    lines,
    connect,
    applied,
    reload: () => command("reload", "test"),
  }
}
