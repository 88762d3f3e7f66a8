/**
 * The clients of docs/options.md: `node bench/options/client.ts TARGET [--round-robin] [--authority NAME] …`. They keep
 * streams open and make short calls, and say each second where those are. With an IPC channel they are the suite's.
 */
import { parseArgs } from "node:util"
import { register } from "@grpc/grpc-js-xds"
import { continuityInterceptor, registerSluice } from "../../src/grpc-js/index.ts"
import { Clients } from "./clients.ts"
import type { ClientCommand } from "./protocol.ts"
import { ADMIN_PORT } from "./service.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    "round-robin": { type: "boolean", default: false },
    authority: { type: "string" },
    admin: { type: "string", default: String(ADMIN_PORT) },
    clients: { type: "string", default: "20" },
    streams: { type: "string", default: "60" },
    "interval-ms": { type: "string", default: "1000" },
    "calls-per-second": { type: "string", default: "30" },
    seconds: { type: "string", default: "Infinity" },
    help: { type: "boolean", default: false },
  },
})
const HELP = `node bench/options/client.ts TARGET   the clients of docs/options.md

  --round-robin          gRPC's round_robin, in place of pick_first
  --authority NAME       what they call the server; by default its address
  --admin PORT           where sluice:///NAME is asked (${ADMIN_PORT})
  --clients N            each with a channel of its own (20)
  --streams N            of all together (60)
  --interval-ms N        between two messages of a stream (1000)
  --calls-per-second N   of all together (30)
  --seconds N            how long; by default until it is ended
`
if (values.help) {
  console.log(HELP)
  process.exit()
}
const [target] = positionals
if (target === undefined) {
  console.error("Which target? 127.0.0.1:7000, sluice:///echo, xds:///echo, or ipv4:127.0.0.1:7001,…")
  process.exit(2)
}
const isThick = target.startsWith("sluice:")
if (isThick) registerSluice({ admin: values.admin })
else if (target.startsWith("xds:")) register()
const roundRobin = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }], methodConfig: [] })
const clients = new Clients(
  target,
  {
    ...(values["round-robin"] && { "grpc.service_config": roundRobin }),
    ...(values.authority !== undefined && { "grpc.default_authority": values.authority }),
    ...(isThick && { interceptors: [continuityInterceptor()] }),
  },
  {
    clients: Number(values.clients),
    streams: Number(values.streams),
    intervalMs: Number(values["interval-ms"]),
    callsPerSecond: Number(values["calls-per-second"]),
  },
)

async function obey(command: ClientCommand): Promise<object> {
  if (command.do === "start") await clients.start()
  else if (command.do === "mark") clients.mark()
  else if (command.do === "watch") clients.watch()
  else return command.do === "read" ? clients.read() : await clients.finish()
  return {}
}

/** `7, 13 and 40 on backends 1 to 3` in a line that keeps its width. */
function line(): string {
  const { live, moved } = clients.read()
  const recent = clients.callsSoFar.slice(-Number(values["calls-per-second"]))
  const calls: number[] = []
  for (const { backend } of recent) if (backend > 0) calls[backend - 1] = (calls[backend - 1] ?? 0) + 1
  const failed = recent.filter(({ reason }) => reason !== "").length
  const text = (counts: number[]): string =>
    Array.from(counts, (count) => String(count ?? 0).padStart(4)).join("")
  return `streams by backend:${text(live)}   calls:${text(calls)}   failed: ${failed}   streams lost so far: ${clients.lostSoFar}, moved: ${moved}`
}

if (process.send !== undefined) {
  process.on("disconnect", () => process.exit())
  process.on("message", (command: ClientCommand) => {
    obey(command).then(
      (answer) => process.send!(answer),
      (error: Error) => process.send!({ error: error.message }),
    )
  })
  process.send({ ready: true })
} else {
  try {
    await clients.start()
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
  for (let second = 0; second < Number(values.seconds); second++) {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    console.log(line())
  }
  process.exit()
}
