import type { StreamRow } from "../../balancer/live/stream-row.ts"
import type { Clusters, Status } from "../../control/admin/schema.ts"
import { ageText, bytesText, type Column, countText, tableLines } from "./tables.ts"

type LiveEndpoint = Clusters["clusters"][number]["endpoints"][number]

export const streamColumns: readonly Column<StreamRow>[] = [
  { head: "id", text: ({ id }) => id },
  { head: "path", text: ({ path }) => path },
  { head: "client", isMinor: true, text: ({ client }) => client },
  { head: "endpoint", text: ({ endpoint, cluster }) => (endpoint === "" ? `(${cluster})` : endpoint) },
  { head: "age", isRight: true, text: ({ ageMs }) => ageText(ageMs) },
  { head: "idle", isRight: true, isMinor: true, text: ({ idleMs }) => ageText(idleMs) },
  { head: "in", isRight: true, text: ({ requestMessages }) => countText(requestMessages) },
  { head: "out", isRight: true, text: ({ responseMessages }) => countText(responseMessages) },
  {
    head: "bytes",
    isRight: true,
    isMinor: true,
    text: ({ requestBytes, responseBytes }) => bytesText(requestBytes + responseBytes),
  },
  { head: "waits for", isMinor: true, text: ({ waitsFor }) => waitsFor ?? "" },
  { head: "legs", isRight: true, isMinor: true, text: ({ legs }) => String(legs) },
]

const endpointColumns: readonly Column<LiveEndpoint & { cluster: string }>[] = [
  { head: "cluster", text: ({ cluster }) => cluster },
  { head: "endpoint", text: ({ address }) => address },
  {
    head: "state",
    text: ({ state, health }) => (health === "healthy" && state === "up" ? "up, checked" : state),
  },
  { head: "weight", isRight: true, isMinor: true, text: ({ weight }) => String(weight) },
  { head: "streams", isRight: true, text: ({ streams }) => countText(streams) },
  {
    head: "fair share",
    isRight: true,
    isMinor: true,
    text: ({ fairStreams }) => (fairStreams === null ? "" : countText(fairStreams)),
  },
  { head: "connections", isRight: true, isMinor: true, text: ({ connections }) => countText(connections) },
  {
    head: "waiting",
    isRight: true,
    isMinor: true,
    text: ({ waiting }) => (waiting === 0 ? "" : countText(waiting)),
  },
  {
    head: "failed",
    isRight: true,
    isMinor: true,
    text: ({ streamsFailed, connectionsFailed }) =>
      streamsFailed + connectionsFailed === 0 ? "" : countText(streamsFailed + connectionsFailed),
  },
]

export function clusterLines({ clusters }: Clusters, width?: number): string[] {
  const rows = clusters.flatMap(({ name, endpoints }) =>
    endpoints.map((each) => ({ ...each, cluster: name })),
  )
  return tableLines(endpointColumns, rows, width)
}

/** The same in a line, for a terminal that has few. */
export function statusLine({ version, state, uptimeMs, threads, streams, memory }: Status): string {
  const listening = threads.filter((thread) => thread.state === "listening").length
  const missing = listening === threads.length ? "" : `, ${listening} of ${threads.length} threads listen`
  const said = `Sluice ${version}, ${state} for ${ageText(uptimeMs)}${missing}`
  return `${said}, ${countText(streams.open)} streams, ${bytesText(memory.rssBytes)}`
}

export function statusLines(status: Status): string[] {
  const { version, pid, state, uptimeMs, configuration, listeners, threads, streams, connections, memory } =
    status
  const limits = Object.entries(status.limitsMet)
  const listening = threads.filter((thread) => thread.state === "listening").length
  return [
    `Sluice ${version}, pid ${pid}, ${state} for ${ageText(uptimeMs)}`,
    `configuration  ${configuration.file ?? "(addresses)"}, version ${configuration.version}, since ${configuration.loadedAt}`,
    `listens on     ${listeners.map(({ address, tls }) => (tls ? `${address} (TLS)` : address)).join(", ")}`,
    `threads        ${listening} of ${threads.length} listen`,
    `streams        ${countText(streams.open)} open, ${countText(streams.ended)} ended`,
    `connections    ${countText(connections.accepted)} accepted`,
    `memory         ${bytesText(memory.rssBytes)}`,
    ...(limits.length === 0
      ? []
      : [`limits met     ${limits.map(([name, count]) => `${name} ${countText(count)}`).join(", ")}`]),
  ]
}
