import { parseArgs } from "node:util"
import { Unavailable } from "../conformance/result.ts"
import { consulCases, type DiscoveryCase } from "./consul-cases.ts"
import { type DiscoveryRun, writeRuns } from "./docs.ts"
import { kubernetesCases } from "./kubernetes-cases.ts"
import type { Finishing } from "./listening.ts"
import { CONSUL_API, KUBERNETES_CLIENT, readByConsulApi, readByKubernetesClient } from "./other-clients.ts"
import { findProgram } from "./programs.ts"
import { RealConsul } from "./real-consul.ts"
import { RealKubernetes } from "./real-kubernetes.ts"

const HELP = `Holds discovery by Consul and Kubernetes against the real ones, by the cases that the tests hold against
stand-ins, and the stand-ins against the clients of others: consul/api for Go and npm's @kubernetes/client-node.

  npm run interop:discovery
  npm run interop:discovery -- --consul ~/bin/consul --kube-apiserver ~/bin/kube-apiserver --etcd /usr/bin/etcd

  --consul, --kube-apiserver, --etcd PATH   else they are looked for on PATH; what is not there is left out, and said
  --write                                   put versions and counts into docs/conformance.md
  --help

Exit code: 0 all that ran passed, 1 something failed, 2 usage.
`

/** Calls what was to be called at the end, the last first. */
async function finishing<Result>(work: (t: Finishing) => Promise<Result>): Promise<Result> {
  const all: (() => unknown)[] = []
  try {
    return await work({ onTestFinished: (finish) => void all.unshift(finish) })
  } finally {
    for (const finish of all) await finish()
  }
}

async function runCases<Subject>(
  subject: Subject,
  cases: readonly DiscoveryCase<Subject>[],
): Promise<{ cases: number; failed: string[] }> {
  const failed: string[] = []
  for (const { name, run } of cases) {
    try {
      await finishing((t) => run(subject, t))
      console.log(`  passed  ${name}`)
    } catch (error) {
      if (error instanceof Unavailable) throw error
      failed.push(name)
      console.log(`  FAILED  ${name}: ${(error as Error).message}`)
    }
  }
  return { cases: cases.length, failed }
}

async function consul(path: string | undefined): Promise<DiscoveryRun> {
  const program = await findProgram("consul", path, ["version"])
  const version = await RealConsul.version(program)
  console.log(`Consul ${version}`)
  return finishing(async (t) => ({
    name: "Consul",
    version,
    ...(await runCases(await RealConsul.start(program, t), consulCases)),
  }))
}

async function kubernetes(path: string | undefined, etcdPath: string | undefined): Promise<DiscoveryRun> {
  const program = await findProgram("kube-apiserver", path, ["--version"])
  const etcd = await findProgram("etcd", etcdPath, ["--version"])
  const version = await RealKubernetes.version(program)
  console.log(`kube-apiserver ${version}`)
  return finishing(async (t) => ({
    name: "kube-apiserver",
    version,
    ...(await runCases(await RealKubernetes.start(program, etcd, t), kubernetesCases)),
  }))
}

/** A stand-in, read by a client that others wrote. */
async function client(
  name: string,
  version: string,
  read: (t: Finishing) => Promise<void>,
): Promise<DiscoveryRun> {
  console.log(`${name} ${version}`)
  const reads: DiscoveryCase<null> = { name: "reads the stand-in", run: (_, t) => read(t) }
  return { name: `the stand-in, read by ${name}`, version, ...(await runCases(null, [reads])) }
}

async function main(argv: string[]): Promise<number> {
  const text = { type: "string" } as const
  const flag = { type: "boolean", default: false } as const
  const options = { consul: text, "kube-apiserver": text, etcd: text, write: flag, help: flag }
  const { values } = parseArgs({ args: argv, options })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const runs: DiscoveryRun[] = []
  const suites = [
    () => consul(values.consul),
    () => kubernetes(values["kube-apiserver"], values.etcd),
    () => client("consul/api", CONSUL_API, readByConsulApi),
    () => client("@kubernetes/client-node", KUBERNETES_CLIENT, readByKubernetesClient),
  ]
  for (const suite of suites) {
    try {
      runs.push(await suite())
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      console.log(`left out: ${error.message}`)
    }
  }
  if (values.write) await writeRuns(runs)
  return runs.every(({ failed }) => failed.length === 0) ? 0 : 1
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130))

// What a client of others still holds open must not keep the process.
try {
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  console.error((error as Error).message)
  process.exit(2)
}
