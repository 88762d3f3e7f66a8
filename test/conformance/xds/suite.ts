import { fileURLToPath } from "node:url"
import { goProgram } from "../go-modules.ts"
import { grpcioPython } from "../interop/grpcio.ts"
import { type FailedCase, type SuiteContext, type SuiteResult, Unavailable } from "../result.ts"
import { caseNames, runCase } from "./cases.ts"
import type { ClientProgram } from "./client.ts"
import { javaClient } from "./java-client.ts"

const clients = {
  node: async (): Promise<ClientProgram> => ({
    command: process.execPath,
    args: [fileURLToPath(new URL("./node-client.ts", import.meta.url))],
  }),
  go: async (): Promise<ClientProgram> => ({ command: await goProgram("xds", "xds-client"), args: [] }),
  java: javaClient,
  python: async (): Promise<ClientProgram> => ({
    command: await grpcioPython(),
    args: [fileURLToPath(new URL("./client.py", import.meta.url))],
  }),
}

type Kind = keyof typeof clients

export const xdsClientKinds = Object.keys(clients) as Kind[]

/** Errors: throws `Unavailable` where it cannot be had on this machine. */
export const xdsClientProgram = (kind: Kind): Promise<ClientProgram> => clients[kind]()

/** The cases of a client without a proxy, each with a Sluice of its own as its xDS server. */
export async function xdsClient({ through }: SuiteContext, kind: Kind): Promise<SuiteResult> {
  if (through !== "sluice") throw new Unavailable(`${through} is no xDS server`)
  const program = await xdsClientProgram(kind)
  const failed: FailedCase[] = []
  for (const name of caseNames) {
    try {
      await runCase(name, program)
    } catch (error) {
      failed.push({ name, reason: (error as Error).message.split("\n")[0]!.slice(0, 300) })
    }
  }
  return { cases: caseNames.length, failed }
}
