import assert from "node:assert/strict"
import fc from "fast-check"
import { loadYaml } from "../../../src/config/yaml/load.ts"
import { toYaml } from "../../../src/config/yaml/write.ts"
import { arbitraryConfig } from "../../support/arbitrary-config.ts"
import { fences, readText } from "../../support/markdown.ts"
import type { Target } from "../engine/target.ts"
import { checkProblems } from "../oracles/problems.ts"

const FILE = "sluice.yaml"

/**
 * sluice.yaml, whatever it holds, becomes a configuration or problems with their places. A configuration that is written
 * again is read again as what it was.
 */
export const yaml: Target = {
  steps: { base: 400_000, perOctet: 4000 },
  words: [
    "\n",
    "\n  ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "|\n",
    "? ",
    "# ",
    "\t",
    "---\n",
  ],
  *seeds() {
    yield Buffer.from(readText("examples/chat/sluice.yaml"))
    for (const text of fences(readText("docs/configuration.md"), "yaml")) yield Buffer.from(text)
    for (const config of fc.sample(arbitraryConfig(), { numRuns: 30, seed: 1 }))
      yield Buffer.from(toYaml(config))
  },
  run(octets) {
    const text = octets.toString("utf8")
    const { config, problems } = loadYaml(text, FILE)
    checkProblems(config, problems, new Map([[FILE, text]]))
    if (config === null) return
    const again = loadYaml(toYaml(config), FILE)
    assert.deepEqual(again.config, config, "written and read again it is another")
  },
}
