import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { run } from "../child.ts"
import { goProgram } from "../go-modules.ts"
import type { FailedCase, SuiteContext, SuiteResult } from "../result.ts"
import { scope, temporaryDirectory } from "../scope.ts"
import { conformanceDescriptorSet } from "./descriptor-set.ts"

/** What the runner's client speaks to the balancer. Its backend is always the reference server. */
export type ClientProtocol = "grpc" | "grpc-web" | "connect"

const wrapper = fileURLToPath(new URL("./server-under-test.ts", import.meta.url))

/** The runner's own description of what is under test; it makes the cases from it. */
const features: Record<ClientProtocol, object> = {
  grpc: {
    versions: ["HTTP_VERSION_2"],
    protocols: ["PROTOCOL_GRPC"],
    codecs: ["CODEC_PROTO"],
    supportsTls: false,
  },
  "grpc-web": {
    versions: ["HTTP_VERSION_1", "HTTP_VERSION_2"],
    protocols: ["PROTOCOL_GRPC_WEB"],
    codecs: ["CODEC_PROTO"],
    supportsTls: false,
  },
  connect: {
    versions: ["HTTP_VERSION_1", "HTTP_VERSION_2"],
    protocols: ["PROTOCOL_CONNECT"],
    supportsTls: false,
  },
}

/**
 * connectrpc's conformance runner in server mode. The "server under test" is the balancer in front of the runner's own
 * reference server, so every failure is the balancer's.
 */
export async function connectConformance(
  { through }: SuiteContext,
  protocol: ClientProtocol,
): Promise<SuiteResult> {
  const runner = await goProgram("connect", "connectconformance")
  const referenceServer = await goProgram("connect", "referenceserver")
  return scope(async (defer) => {
    // JSON is YAML.
    const directory = await temporaryDirectory(defer)
    const config = join(directory, "config.yaml")
    await writeFile(config, JSON.stringify({ features: features[protocol] }))
    const serverCommand = [process.execPath, wrapper, through, protocol, referenceServer]
    if (protocol === "connect") serverCommand.push(await conformanceDescriptorSet(directory))
    const { output } = await run(runner, ["--mode", "server", "--conf", config, "--", ...serverCommand], {
      timeoutMs: 10 * 60_000,
    })
    return readRunnerOutput(output)
  })
}

/**
 * Reads what the runner prints: `FAILED: <case>:` with the reasons indented below it, and at the end
 * `Total cases: N` and `N passed, N failed`.
 */
export function readRunnerOutput(output: string): SuiteResult {
  const total = output.match(/^Total cases: (\d+)$/m)?.[1]
  const summary = output.match(/^(\d+) passed, (\d+) failed/m)
  if (total === undefined || summary === null) throw new Error(`the runner did not finish:\n${output.trim()}`)
  const failed: FailedCase[] = []
  for (const line of output.split("\n")) {
    const name = line.match(/^FAILED: (.*?):?$/)?.[1]
    const last = failed.at(-1)
    if (name !== undefined) failed.push({ name, reason: "" })
    else if (last !== undefined && last.reason === "" && /^\s+\S/.test(line)) last.reason = line.trim()
  }
  if (failed.length !== Number(summary[2])) {
    throw new Error(
      `the runner counts ${summary[2]} failed cases and names ${failed.length}:\n${output.trim()}`,
    )
  }
  return { cases: Number(total), failed }
}
