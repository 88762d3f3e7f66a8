import { existsSync } from "node:fs"
import { dirname } from "node:path"
import type { ListenerConfig } from "../config/model.ts"
import { errorReason } from "./error-reason.ts"

/** One sentence on why an address cannot be listened on. */
export function listenProblem(config: Pick<ListenerConfig, "name" | "unixPath">, error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  if (config.unixPath !== null)
    return `cannot listen on ${config.name}: ${unixProblem(config.unixPath, error)}`
  if (code === "EADDRINUSE") return `cannot listen on ${config.name}: the port is taken by another program`
  if (code === "EACCES") return `cannot listen on ${config.name}: no permission (ports below 1024 need root)`
  if (code === "EADDRNOTAVAIL") return `cannot listen on ${config.name}: this machine has no such address`
  return `cannot listen on ${config.name}: ${errorReason(error)}`
}

function unixProblem(path: string, error: NodeJS.ErrnoException): string {
  const { code } = error
  const directory = dirname(path)
  if (code === "EADDRINUSE") return "the file is there already"
  // Node says EACCES of a directory that is not there, too.
  if ((code === "EACCES" || code === "ENOENT") && !existsSync(directory))
    return `the directory ${directory} does not exist`
  if (code === "EACCES") return `no permission to write to the directory ${directory}`
  return errorReason(error)
}
