/** The commands that speak to a running Sluice. */
import { Argument, type Command } from "commander"
import type { StreamDetail } from "../../balancer/live/stream-row.ts"
import { DURATION, durationMs } from "../../config/yaml/scalars.ts"
import type { Clusters, OrderAnswer, ReloadAnswer, Status, Streams } from "../../control/admin/schema.ts"
import { AdminClient, type AdminOptions, CommandError } from "./admin-client.ts"
import { clusterLines, sourceLines, statusLines, streamColumns } from "./stream-columns.ts"
import { printable, tableLines } from "./tables.ts"
import { look, top } from "./top.ts"

/** Adds them to `program`. */
export function addAdminCommands(program: Command): void {
  speaking(program, "status", "what a running Sluice is doing, with the state of each endpoint", [
    "sluice status",
    "sluice status --json | jq .clusters",
  ]).action(
    act(async (client, { json }) => {
      const [status, clusters] = await Promise.all([
        client.get<Status>("/status"),
        client.get<Clusters>("/clusters"),
      ])
      if (json) return print({ ...status, clusters: clusters.clusters })
      printLines([...statusLines(status), ...sourceLines(clusters), "", ...clusterLines(clusters)])
    }),
  )

  speaking(program, "streams", "the live streams, or one of them", [
    "sluice streams",
    "sluice streams 'idle:>5m endpoint:10.0.0.3'",
    "sluice streams --sort -bytes --limit 10",
    "sluice streams 17-3",
  ])
    .argument(
      "[filter...]",
      "conditions, such as idle:>5m path:Chat -cluster:chat (docs/admin.md); or a stream's id",
    )
    .option(
      "--sort <key>",
      "age, idle, messages, bytes, held, legs or id; - before it: largest first",
      "-age",
    )
    .option("--limit <streams>", "at most so many", "100")
    .action(
      act(
        async (
          client,
          { json, sort, limit }: AdminOptions & { sort: string; limit: string },
          filter: string[],
        ) => {
          const line = filter.join(" ")
          if (/^\d+-\d+$/.test(line)) {
            const detail = await client.get<StreamDetail>(`/streams/${line}`)
            return json ? print(detail) : printLines(detailLines(detail))
          }
          const query = new URLSearchParams({ sort, limit, ...(line !== "" && { filter: line }) })
          const answer = await client.get<Streams>(`/streams?${query.toString()}`)
          if (json) return print(answer)
          printLines([
            ...tableLines(streamColumns, answer.streams),
            `${answer.streams.length} shown, ${answer.matched} match, ${answer.total} are live`,
          ])
        },
      ),
    )

  speaking(program, "top", "status and streams together, live in a terminal; otherwise once", [
    "sluice top",
    "sluice top path:Chat",
  ])
    .argument("[filter...]", "as for streams")
    .action(
      act(async (client, { json }, words: string[]) => {
        const filter = words.join(" ")
        if (!json && process.stdout.isTTY && process.stdin.isTTY) return top({ filter, client })
        if (!json) return printLines(await look(client, { filter, sort: "-age", rows: 60, width: 200 }))
        const query = new URLSearchParams({ limit: "20", ...(filter !== "" && { filter }) })
        const [status, clusters, streams] = await Promise.all([
          client.get<Status>("/status"),
          client.get<Clusters>("/clusters"),
          client.get<Streams>(`/streams?${query.toString()}`),
        ])
        print({ status, clusters: clusters.clusters, streams: streams.streams })
      }),
    )

  endpointCommand(
    program,
    "drain",
    "no new streams for an endpoint, or with none for Sluice itself, which then ends",
    ["sluice drain 10.0.0.3:50051", "sluice drain 10.0.0.3:50051 --grace 10m", "sluice drain    as SIGTERM"],
    "[endpoint]",
  )
    .option("--grace <time>", "how long live streams go on, such as 10m. Default: as configured")
    .action(
      act(async (client, options: EndpointOptions & { grace?: string }, address?: string) => {
        const { grace, json } = options
        if (address === undefined) {
          if (grace !== undefined || options.cluster !== undefined)
            throw new CommandError("--grace and --cluster are of an endpoint: say which", 2)
          const answer = await client.post<OrderAnswer>("/drain")
          if (json) print(answer)
          else printLines([answer.message])
          return
        }
        if (grace !== undefined && !DURATION.test(grace))
          throw new CommandError(`--grace ${grace}: must be a time such as 30s, 5m or 1h30m`, 2)
        const body = grace === undefined ? {} : { graceMs: durationMs(grace) }
        await orderEndpoints(client, options, address, "drain", body)
      }),
    )

  endpointCommand(program, "resume", "new streams again for an endpoint that drains", [
    "sluice resume 10.0.0.3:50051",
  ]).action(
    act((client, options: EndpointOptions, address: string) =>
      orderEndpoints(client, options, address, "resume", {}),
    ),
  )

  speaking(program, "end", "ends a live stream; its client is told", [
    "sluice end 17-3",
    "sluice end 17-3 --status ABORTED",
  ])
    .addArgument(new Argument("<stream>", "its id, as sluice streams shows it"))
    .option(
      "--status <status>",
      "the grpc-status that the client is told: a name, or a number",
      "UNAVAILABLE",
    )
    .action(
      act(async (client, { json, status }: AdminOptions & { status: string }, id: string) => {
        const code = /^\d+$/.test(status) ? Number(status) : status.toUpperCase()
        const answer = await client.post<OrderAnswer>(`/streams/${encodeURIComponent(id)}/end`, {
          status: code,
        })
        if (json) print(answer)
        else printLines([answer.message])
      }),
    )

  speaking(program, "move", "moves a live stream to another endpoint, or some of an endpoint's to others", [
    "sluice move 17-3",
    "sluice move 10.0.0.3:50051 --streams 100",
  ])
    .addArgument(
      new Argument("<what>", "a stream's id, as sluice streams shows it, or an endpoint's address"),
    )
    .option("--streams <number>", "how many of an endpoint's, at random of those that can move")
    .option("--cluster <name>", "of an endpoint: only in this cluster. Default: in all that have it")
    .action(
      act(async (client, options: EndpointOptions & { streams?: string }, what: string) => {
        const { json, streams } = options
        const isStream = /^\d+-\d+$/.test(what)
        if (isStream !== (streams === undefined))
          throw new CommandError("say a stream's id, or an endpoint and --streams", 2)
        if (!isStream) {
          if (!/^[1-9]\d{0,6}$/.test(streams!))
            throw new CommandError(`--streams ${streams}: a number from 1`, 2)
          return orderEndpoints(client, options, what, "move", { streams: Number(streams) })
        }
        const answer = await client.post<OrderAnswer>(`/streams/${what}/move`)
        if (json) print(answer)
        else printLines([answer.message])
      }),
    )

  speaking(program, "reload", "reads the configuration again and puts it in force, or says why not", [
    "sluice reload",
  ]).action(
    act(async (client, { json }) => {
      const answer = await client.post<ReloadAnswer>("/reload")
      if (json) return print(answer)
      printLines([
        answer.message,
        ...(answer.changes.length === 0 ? ["nothing is different"] : answer.changes),
      ])
    }),
  )
}

interface EndpointOptions extends AdminOptions {
  readonly cluster?: string
}

function endpointCommand(
  program: Command,
  name: string,
  description: string,
  examples: string[],
  argument = "<endpoint>",
): Command {
  return speaking(program, name, description, examples)
    .addArgument(
      new Argument(argument, "its address; the port may be left out where one endpoint has the host"),
    )
    .option("--cluster <name>", "only in this cluster. Default: in all that have it")
}

function speaking(program: Command, name: string, description: string, examples: string[]): Command {
  return program
    .command(name)
    .description(description)
    .option(
      "--admin <address>",
      "where it is asked: a port, host:port or unix:/path. Default: $SLUICE_ADMIN, or the only one that runs here",
    )
    .option("--token-file <file>", "with the token, where it wants one")
    .option("--json", "print JSON", false)
    .addHelpText("after", `\nExamples:\n${examples.map((line) => `  ${line}`).join("\n")}`)
}

/** Runs a command; what keeps it from its work is one line and an exit code. */
function act<Options extends AdminOptions, Args extends unknown[]>(
  command: (client: AdminClient, options: Options, ...args: Args) => Promise<void>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    // Commander gives arguments, options, and the command itself.
    const options = given.at(-2) as Options
    try {
      await command(AdminClient.find(options, process.env), options, ...(given.slice(0, -2) as Args))
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      process.stderr.write(`sluice: ${printable(error.message.split("\n")[0]!)}\n${rest(error.message)}`)
      process.exitCode = error.exitCode
    }
  }
}

function rest(message: string): string {
  const lines = message.split("\n").slice(1)
  return lines.map((line) => `${printable(line)}\n`).join("")
}

async function orderEndpoints(
  client: AdminClient,
  { json, cluster }: EndpointOptions,
  address: string,
  order: string,
  body: object,
): Promise<void> {
  const { clusters } = await client.get<Clusters>("/clusters")
  const known = clusters
    .filter(({ name }) => cluster === undefined || name === cluster)
    .flatMap(({ name, endpoints }) =>
      endpoints.map((endpoint) => ({ cluster: name, address: endpoint.address })),
    )
  const exact = known.filter((one) => one.address === address)
  const chosen = exact.length > 0 ? exact : known.filter((one) => one.address.startsWith(`${address}:`))
  const addresses = new Set(chosen.map((one) => one.address))
  if (addresses.size === 0)
    throw new CommandError(
      `there is no endpoint ${address}${cluster === undefined ? "" : ` in cluster ${cluster}`}; there are ${[...new Set(known.map((one) => one.address))].slice(0, 10).join(", ")}`,
    )
  if (addresses.size > 1)
    throw new CommandError(`${address} may be ${[...addresses].join(" or ")}: say the port`, 2)
  const answers: OrderAnswer[] = []
  for (const one of chosen)
    answers.push(
      await client.post<OrderAnswer>(
        `/clusters/${encodeURIComponent(one.cluster)}/endpoints/${encodeURIComponent(one.address)}/${order}`,
        body,
      ),
    )
  if (json) return print(answers)
  printLines(answers.map(({ done, message }) => (done || order === "move" ? message : `${message} already`)))
}

function detailLines(detail: StreamDetail): string[] {
  const headers = (list: readonly [string, string][]): string[] =>
    list.map(([name, value]) => `  ${name}: ${value}`)
  return [
    ...tableLines(streamColumns, [detail]),
    "",
    `${detail.method} ${detail.pathAndQuery}, route ${detail.route || "(none)"}, listener ${detail.listener}, thread ${detail.thread}`,
    "request",
    ...headers(detail.requestHeaders),
    ...(detail.responseHeaders === null ? [] : ["response", ...headers(detail.responseHeaders)]),
    "timeline",
    ...detail.timeline.map(
      ({ atMs, what, endpoint }) =>
        `  ${String(atMs).padStart(8)} ms  ${what}${endpoint === "" ? "" : ` (${endpoint})`}`,
    ),
  ].map(printable)
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

function printLines(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`)
}
