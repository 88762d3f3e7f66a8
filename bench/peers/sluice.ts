import { fileURLToPath } from "node:url"
import type { Peer } from "./peer.ts"

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

/** What packaging/systemd and packaging/docker have Node do for Sluice. */
export const PACKAGED_FLAGS = ["--use-largepages=silent"]

/** Sluice as it stands in this checkout. `nodeFlags` go before the program, `--cpu-prof` for one. */
export function sluice(name: string, nodeFlags: readonly string[]): Peer {
  return {
    name,
    kind: "sluice",
    title: `sluice on Node ${process.versions.node}`,
    template: "sluice.conf",
    command: (conf) => [process.execPath, ...PACKAGED_FLAGS, ...nodeFlags, MAIN, "run", conf],
  }
}

/**
 * Another Sluice, or anything else that reads its configuration: `label=command with {conf} in it`.
 * Words are split at spaces; there is no quoting. Throws when it does not have that form.
 */
export function alsoPeer(argument: string): Peer {
  const form = /^([\w.+-]+)=(.+)$/.exec(argument)
  if (form === null || !form[2]!.includes("{conf}")) {
    throw new Error(`--also takes "label=command ... {conf}", not "${argument}"`)
  }
  const [, label, command] = form
  return {
    ...sluice(label!, []),
    title: command!,
    command: (conf) => command!.split(/\s+/).map((word) => word.replaceAll("{conf}", conf)),
  }
}
