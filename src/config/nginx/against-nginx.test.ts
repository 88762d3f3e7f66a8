import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { diskFiles } from "./include.ts"
import { readNginxConfig } from "./read.ts"
import { CORPUS, type Place, STREAM_MODULE, type Verdict, wholeFile } from "./testdata/corpus.ts"

const NGINX = "nginx"
const directory = mkdtempSync(join(tmpdir(), "sluice-nginx-"))
mkdirSync(join(directory, "body"))
const path = join(directory, "nginx.conf")
const nginxIsThere = spawnSync(NGINX, ["-v"]).status === 0
if (!nginxIsThere)
  console.log("skipped: comparing with `nginx -t` needs nginx (Debian: apt-get install nginx-light)")
const streamIsThere = nginxIsThere && existsSync(STREAM_MODULE)
if (nginxIsThere && !streamIsThere)
  console.log(
    "skipped: stream with `nginx -t` needs its module (Debian: apt-get install libnginx-mod-stream)",
  )
afterAll(() => rmSync(directory, { recursive: true, force: true }))

interface Answer {
  accepted: boolean
  /** Of the first error; 0 when it has none. */
  line: number
  said: string
}

function askSluice(text: string): Answer {
  const { config, problems } = readNginxConfig(text, path, diskFiles)
  const errors = problems.filter(({ severity }) => severity === "error").sort((a, b) => a.line - b.line)
  return {
    accepted: config !== null,
    line: errors[0]?.line ?? 0,
    said: errors.map(({ message }) => message).join("; "),
  }
}

function askNginx(text: string): Answer {
  writeFileSync(path, text)
  const pid = /\bpid\b/.test(text) ? [] : ["-g", "pid n.pid;"]
  const options = ["-t", "-p", directory, "-c", path, "-e", "stderr", ...pid]
  const { status, stderr } = spawnSync(NGINX, options, { encoding: "utf8" })
  const [, said, line] = /\[emerg\] \d+#\d+: (.*?)(?: in \S+:(\d+))?\n/.exec(stderr) ?? []
  return { accepted: status === 0, line: Number(line ?? 0), said: said ?? "" }
}

const OURS: Record<Verdict, boolean> = {
  yes: true,
  no: false,
  "no, other line": false,
  "sluice refuses": false,
  "sluice takes": true,
}
const THEIRS: Record<Verdict, boolean> = {
  yes: true,
  no: false,
  "no, other line": false,
  "sluice refuses": true,
  "sluice takes": false,
}

describe.each(Object.keys(CORPUS) as Place[])("%s", (place) => {
  test("Sluice says what the table says", () => {
    const wrong = CORPUS[place].flatMap(([conf, verdict]) => {
      const ours = askSluice(wholeFile(place, conf))
      return ours.accepted === OURS[verdict] ? [] : [{ conf, verdict, said: ours.said }]
    })
    expect(wrong).toEqual([])
  })

  test.skipIf(place.startsWith("stream") ? !streamIsThere : !nginxIsThere)(
    "and so does nginx, for the same line",
    () => {
      const wrong = CORPUS[place].flatMap(([conf, verdict]): unknown[] => {
        const text = wholeFile(place, conf)
        const theirs = askNginx(text)
        if (theirs.accepted !== THEIRS[verdict]) return [{ conf, verdict, said: theirs.said }]
        const ours = askSluice(text)
        const sameLine = verdict !== "no" || theirs.line === 0 || ours.line === 0 || ours.line === theirs.line
        return sameLine ? [] : [{ conf, ours, theirs }]
      })
      expect(wrong).toEqual([])
    },
  )
})
