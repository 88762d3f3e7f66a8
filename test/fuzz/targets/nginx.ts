import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { decode } from "../../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../../src/config/nginx/read.ts"
import { CORPUS, type Place, wholeFile } from "../../../src/config/nginx/testdata/corpus.ts"
import { loadYaml } from "../../../src/config/yaml/load.ts"
import { toYaml } from "../../../src/config/yaml/write.ts"
import type { Target } from "../engine/target.ts"
import { checkProblems } from "../oracles/problems.ts"

const TESTDATA = new URL("../../../src/config/nginx/testdata/", import.meta.url)
const EXAMPLES = new URL("../../../examples/chat/nginx/", import.meta.url)
const FILE = "dir/nginx.conf"
const INCLUDED = new TextEncoder().encode("server { listen 81; }\n")

/**
 * nginx.conf, whatever it holds, becomes a configuration or problems with their places. A configuration that is written
 * as sluice.yaml is the same.
 */
export const nginx: Target = {
  // Most of it is looking for the name that was meant.
  steps: { base: 1_000_000, perOctet: 100_000 },
  words: [
    "{",
    "}",
    ";",
    " ",
    "\n",
    "'",
    '"',
    "\\",
    "$",
    "${",
    "#",
    "~*",
    "^~",
    "@",
    "=",
    "include a/*.conf;",
  ],
  *seeds() {
    for (const file of [
      "article-one-server.conf",
      "article-two-servers.conf",
      "stock/nginx.conf",
      "stock/conf.d/chat.conf",
    ])
      yield readFileSync(new URL(file, TESTDATA))
    for (const file of ["one.conf", "two.conf"]) yield readFileSync(new URL(file, EXAMPLES))
    for (const place of Object.keys(CORPUS) as Place[])
      for (const [conf] of CORPUS[place]) if (conf.length < 2000) yield Buffer.from(wholeFile(place, conf))
  },
  run(octets) {
    const files = {
      // Includes lead to the same file again, to another, or to nothing.
      read(path: string) {
        if (path === FILE) return octets
        if (path.endsWith(".log")) throw new Error("no such file")
        return INCLUDED
      },
      list: () => ["a.conf", "nginx.conf"],
    }
    const { config, problems, sources } = readNginxConfig(decode(octets), FILE, files)
    checkProblems(config, problems, sources)
    // sluice.yaml without a listener is an error; nginx.conf without a server is odd.
    if (config === null || config.listeners.length === 0) return
    const again = loadYaml(toYaml(config), "sluice.yaml")
    assert.deepEqual(again.config, config, "as sluice.yaml it is another")
  },
}
