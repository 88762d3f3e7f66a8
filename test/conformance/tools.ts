import { access, mkdir } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { installed, run } from "./child.ts"
import { Unavailable } from "./result.ts"

/**
 * The programs the suites are made of, fetched once into `.cache/conformance` of the checkout: Go modules by their
 * pinned versions, and a Python environment for gRPC's C core.
 */
const cache = fileURLToPath(new URL("../../.cache/conformance/", import.meta.url))
const buildTimeoutMs = 10 * 60_000

interface GoModule {
  version: string
  /** Packages of the module that are programs, or the directory of a go.mod that lists them as tools. */
  source: { packages: string[] } | { directory: string }
}

const goModules = {
  h2spec: {
    version: "v2.2.1",
    // Older than Go modules, so a go.mod of ours pins its dependencies.
    source: { directory: fileURLToPath(new URL("./h2spec/", import.meta.url)) },
  },
  connect: {
    version: "v1.0.5",
    source: {
      packages: ["connectconformance", "referenceserver"].map(
        (name) => `connectrpc.com/conformance/cmd/${name}`,
      ),
    },
  },
  grpc: {
    version: "v1.85.0",
    source: { packages: ["client", "server"].map((name) => `google.golang.org/grpc/interop/${name}`) },
  },
} satisfies Record<string, GoModule>

export type GoModuleName = keyof typeof goModules

export const goVersion = (name: GoModuleName): string => goModules[name].version

/** The path of a program of a Go module, built on first use. `Unavailable` where there is no Go. */
export async function goProgram(name: GoModuleName, program: string): Promise<string> {
  const module: GoModule = goModules[name]
  const directory = join(cache, "bin", `${name}@${module.version}`)
  const path = join(directory, program)
  if (await exists(path)) return path
  if (!(await installed("go", ["version"]))) {
    throw new Unavailable(`go is not installed, and the suite is a Go module (${name} ${module.version})`)
  }
  await mkdir(directory, { recursive: true })
  const { source } = module
  const { code, output } = await run(
    "go",
    [
      "install",
      ...("packages" in source ? source.packages.map((path) => `${path}@${module.version}`) : ["tool"]),
    ],
    {
      ...("directory" in source ? { cwd: source.directory } : {}),
      env: { GOBIN: directory },
      timeoutMs: buildTimeoutMs,
    },
  )
  if (code !== 0) throw new Error(`go install of ${name} ${module.version} failed:\n${output.trim()}`)
  return path
}

export const grpcioVersion = "1.85.1"

/** A Python with gRPC's C core. `Unavailable` where there is no Python that can make an environment. */
export async function grpcioPython(): Promise<string> {
  const directory = join(cache, `grpcio-${grpcioVersion}`)
  const python = join(directory, "bin", "python")
  const works = () => installed(python, ["-c", "import grpc, grpc_tools"])
  if (await works()) return python
  const made = await run("python3", ["-m", "venv", "--clear", directory], { timeoutMs: buildTimeoutMs })
  if (made.code !== 0) {
    throw new Unavailable("python3 with venv is not installed; Debian has it as python3-venv")
  }
  const requirements = [`grpcio==${grpcioVersion}`, `grpcio-tools==${grpcioVersion}`]
  const { code, output } = await run(python, ["-m", "pip", "install", "--quiet", ...requirements], {
    timeoutMs: buildTimeoutMs,
  })
  if (code !== 0) throw new Error(`pip install of ${requirements.join(", ")} failed:\n${output.trim()}`)
  return python
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
