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

// The dashboard is emptied by its own build: a Sluice that runs in this checkout may serve it meanwhile.
for (const part of ["src", "examples", "man"]) rmSync(`${root}dist/${part}`, { recursive: true, force: true })
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
