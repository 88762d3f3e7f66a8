import { expect, test } from "vitest"
import { loadConfig } from "../load.ts"

const TEXT = `listeners: 127.0.0.1:1
routes: [{ cluster: a }]
log: { path: sluice.log }
clusters:
  a: { discovery: [{ file: a.yaml }] }
  b: { discovery: [{ file: /run/b.yaml }, { kubernetes: { service: b, kubeconfig: k.yaml } }] }
  c: { discovery: [{ consul: { url: "https://c:1", service: c, ca: ca.pem, tokenFile: token } }] }
`

test("paths of files are of the directory of sluice.yaml", () => {
  const files = { read: () => Buffer.from(TEXT), list: () => [] }
  const { config, problems } = loadConfig("/etc/sluice/sluice.yaml", files, {
    canRead: () => true,
    isDirectory: () => true,
    writeProblem: () => null,
    canMakeDirectory: () => true,
  })
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([])
  expect(config).toMatchObject({
    log: { path: "/etc/sluice/sluice.log" },
    clusters: [
      { discovery: [{ path: "/etc/sluice/a.yaml" }] },
      { discovery: [{ path: "/run/b.yaml" }, { kubeconfig: "/etc/sluice/k.yaml" }] },
      { discovery: [{ url: "https://c:1", caFile: "/etc/sluice/ca.pem", tokenFile: "/etc/sluice/token" }] },
    ],
  })
})
