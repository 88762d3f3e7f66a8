/**
 * What the npm package ships, built anew in `dist`: the code, the JSON Schema of sluice.yaml, man pages, the
 * dashboard, the demo and its page.
 */
import { execFileSync } from "node:child_process"
import { cpSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../", import.meta.url))
const run = (program: string, ...args: string[]): void => {
  execFileSync(program, args, { cwd: root, stdio: "inherit" })
}

rmSync(`${root}dist`, { recursive: true, force: true })
run("tsc", "-p", "tsconfig.build.json")
run(process.execPath, "scripts/write-schema.ts")
run(process.execPath, "scripts/write-man.ts")
run("vite", "build", "dashboard", "--logLevel", "warn")
run(
  "vite",
  "build",
  "examples/chat/web",
  "--outDir",
  `${root}dist/examples/chat/page`,
  "--emptyOutDir",
  "--logLevel",
  "warn",
)
cpSync(`${root}examples/chat/nginx`, `${root}dist/examples/chat/nginx`, { recursive: true })
