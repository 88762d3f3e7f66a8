import { describe, expect, test } from "vitest"
import { messageOf } from "../problem.ts"
import { loadYaml } from "../yaml/load.ts"
import { toYaml } from "../yaml/write.ts"
import { readNginxConfig } from "./read.ts"
import { CORPUS, type Place, wholeFile } from "./testdata/corpus.ts"

const noFiles = {
  read() {
    throw new Error("no such file")
  },
  list: () => [],
}

describe.each(Object.keys(CORPUS) as Place[])("%s", (place) => {
  test("what `sluice adapt` writes of a file that is taken can be read", () => {
    const refused = CORPUS[place].flatMap(([conf]) => {
      const { config } = readNginxConfig(wholeFile(place, conf), "/etc/nginx/nginx.conf", noFiles)
      // One that serves nothing is no sluice.yaml.
      if (config === null || config.listeners.length === 0) return []
      const again = loadYaml(toYaml(config), "sluice.yaml")
      const errors = again.problems.filter(({ severity }) => severity === "error").map(messageOf)
      return again.config === null ? [[conf, errors]] : []
    })
    expect(refused).toEqual([])
  })
})
