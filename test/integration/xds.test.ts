import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { caseNames, runCase } from "../conformance/xds/cases.ts"

const NODE_CLIENT = fileURLToPath(new URL("../conformance/xds/node-client.ts", import.meta.url))

/** Those where most of Sluice's own takes part. `npm run interop:fleet` runs all, with clients of three kinds. */
const CASES = ["scale up and down", "routes by a header", "TLS to backends", "a NACK is shown"]

test.each(CASES)("grpc-js without a proxy: %s", { timeout: 90_000 }, async (name) => {
  expect(caseNames).toContain(name)
  await expect(runCase(name, { command: process.execPath, args: [NODE_CLIENT] })).resolves.toBeUndefined()
})
