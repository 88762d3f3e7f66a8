/**
 * Makes `sluice` as a single executable, of the Node that runs this script:
 * `node scripts/executable.ts [FILE]`, `dist/executable/sluice` unless said otherwise.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, copyFileSync, globSync, mkdirSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "vite"
import { OWN_CODE } from "../src/base/program-file.ts"
import { VERSION } from "../src/base/version.ts"
import { DASHBOARD } from "../src/control/admin/dashboard.ts"

/** Where Node looks for its program, and the switch in its binary that makes it look: Node's own, for every program. */
const RESOURCE = "NODE_SEA_BLOB"
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2"

if (process.argv[2] === "--help") {
  console.log(
    "npm run executable -- [FILE]\n\nMakes sluice as a single executable: FILE, or dist/executable/sluice",
  )
  process.exit()
}
/** As an ES module it has a `require` of its own for @grpc/grpc-js, which no bundler sees; as CommonJS it has not. */
const GRPC_EXPORTER = "@opentelemetry/exporter-trace-otlp-grpc"

const root = fileURLToPath(new URL("../", import.meta.url))
const executable = resolve(process.argv[2] ?? join(root, "dist/executable/sluice"))
const work = join(root, ".cache/executable")
mkdirSync(work, { recursive: true })
mkdirSync(dirname(executable), { recursive: true })

// One file, of all that the command needs: the executable has no folder to load others from.
await build({
  root,
  configFile: false,
  logLevel: "warn",
  // There is no package.json to read it from.
  plugins: [
    {
      name: "version",
      load: (id) =>
        id.endsWith("/src/base/version.ts") ? `export const VERSION = ${JSON.stringify(VERSION)}` : null,
    },
  ],
  resolve: { alias: { [GRPC_EXPORTER]: createRequire(import.meta.url).resolve(GRPC_EXPORTER) } },
  ssr: { noExternal: true, external: ["bufferutil", "utf-8-validate"], target: "node" },
  build: {
    ssr: "src/cli/executable.ts",
    outDir: work,
    emptyOutDir: true,
    target: "node24",
    minify: false,
    rolldownOptions: {
      output: { format: "cjs", entryFileNames: OWN_CODE, codeSplitting: false },
      // What asks `import.meta` for packages asks first whether it is in an executable.
      checks: { emptyImportMeta: false },
    },
  },
})
execFileSync("vite", ["build", "dashboard", "--outDir", join(work, DASHBOARD), "--logLevel", "warn"], {
  cwd: root,
  stdio: ["ignore", "ignore", "inherit"],
})
const pageFiles = Object.fromEntries(
  globSync(`${DASHBOARD}/**/*.*`, { cwd: work }).map((path) => [path, path]),
)
const blob = join(work, "sluice.blob")
const plan = join(work, "plan.json")
writeFileSync(
  plan,
  JSON.stringify({
    main: OWN_CODE,
    output: blob,
    disableExperimentalSEAWarning: true,
    assets: { [OWN_CODE]: OWN_CODE, ...pageFiles },
  }),
)
execFileSync(process.execPath, ["--experimental-sea-config", plan], { cwd: work, stdio: "pipe" })
copyFileSync(process.execPath, executable)
chmodSync(executable, 0o755)
// What it warns of is the binary's own; where it fails, its words are in the error.
execFileSync("postject", [executable, RESOURCE, blob, "--sentinel-fuse", FUSE], { stdio: "pipe" })
