import type { Config } from "../../config/model.ts"
import type { Assembled } from "../../xds/adapt/assemble.ts"

/** A configuration of a file with what a control plane adds to it. Where both have a name, the file's counts. */
export function withResources(base: Config, resources: Assembled): { config: Config; problems: string[] } {
  const problems: string[] = []
  const clusters = new Set(base.clusters.map(({ name }) => name.toLowerCase()))
  const added = resources.clusters.filter(({ name }) => {
    const isTaken = clusters.has(name.toLowerCase())
    if (isTaken) problems.push(`cluster ${name}: the file has one of the name`)
    clusters.add(name.toLowerCase())
    return !isTaken
  })
  const listeners = new Set(base.listeners.map(({ name }) => name))
  const taken = resources.listeners.filter(({ name }) => listeners.has(name))
  for (const { name } of taken) problems.push(`listener ${name}: the file has one of the address`)
  const isTaken = (name: string): boolean => taken.some((listener) => listener.name === name)
  return {
    problems,
    config: {
      ...base,
      listeners: [...base.listeners, ...resources.listeners.filter(({ name }) => !isTaken(name))],
      servers: [...base.servers, ...resources.servers.filter(({ listeners: [name] }) => !isTaken(name!))],
      clusters: [...base.clusters, ...added],
      variables: [...base.variables, ...resources.variables],
      tcp: {
        ...base.tcp,
        servers: [
          ...base.tcp.servers,
          ...resources.tcpServers.filter(({ listeners: [name] }) => !isTaken(name!)),
        ],
        variables: [...base.tcp.variables, ...resources.tcpVariables],
      },
    },
  }
}
