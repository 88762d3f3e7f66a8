import { access, copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { cache } from "./cache.ts"
import { installed, run } from "./child.ts"
import { Unavailable } from "./result.ts"

/** Where programs of a Go module come from: its own go.mod, a directory with our go.mod, or our own program. */
type Source =
  | { packages: string[] }
  | { directory: string; mends: Mend[] }
  /** `hasTools`: its go.mod names programs of others that go with it. */
  | { program: string; hasTools?: boolean }

/** A change to one file of the module, made before it is built. */
interface Mend {
  file: string
  from: string
  to: string
}

interface GoModule {
  version: string
  source: Source
  /** Default: 10. */
  buildMinutes?: number
}

const goModules = {
  h2spec: {
    version: "v2.2.1",
    source: {
      // Older than Go modules: our go.mod pins its dependencies.
      directory: fileURLToPath(new URL("./h2spec/", import.meta.url)),
      // It counts a TCP reset as "connection closed", but misses it when built with a Go after 1.10, which wraps the
      // error once more. Its releases after 2.5, which are no Go modules, have the same change.
      mends: [
        {
          file: "vendor/github.com/summerwind/h2spec/spec/connection.go",
          from: "opErr.Err == syscall.ECONNRESET",
          to: "errors.Is(opErr, syscall.ECONNRESET)",
        },
      ],
    },
  },
  connect: {
    version: "v1.0.5",
    source: {
      packages: [
        "connectrpc.com/conformance/cmd/connectconformance",
        "connectrpc.com/conformance/cmd/referenceserver",
      ],
    },
  },
  grpc: {
    version: "v1.85.0",
    source: { packages: ["google.golang.org/grpc/interop/client", "google.golang.org/grpc/interop/server"] },
  },
  xds: {
    // Of grpc-go, as in its go.mod.
    version: "v1.85.0",
    source: { program: fileURLToPath(new URL("./xds/go-client/", import.meta.url)) },
  },
  controlPlane: {
    version: "v0.13.4",
    // Its go.mod replaces modules, which `go install` refuses: our go.mod pins it.
    source: { directory: fileURLToPath(new URL("./xds/control-plane/", import.meta.url)), mends: [] },
  },
  envoyGateway: {
    version: "v1.9.1",
    source: { packages: ["github.com/envoyproxy/gateway/cmd/envoy-gateway"] },
    // A thousand packages, Kubernetes' among them.
    buildMinutes: 60,
  },
  gateway: {
    // Of sigs.k8s.io/gateway-api, as in its go.mod: the last whose echo server's source is in the module.
    version: "v1.4.1",
    source: { program: fileURLToPath(new URL("./gateway/suite/", import.meta.url)), hasTools: true },
  },
} satisfies Record<string, GoModule>

export type GoModuleName = keyof typeof goModules

const minuteMs = 60_000
const buildTimeoutMs = 10 * minuteMs

export const goVersion = (name: GoModuleName): string => goModules[name].version

/** The path of a program of a Go module, built on first use. `Unavailable` where there is no Go. */
export async function goProgram(name: GoModuleName, program: string): Promise<string> {
  const { version, source, buildMinutes = 10 }: GoModule = goModules[name]
  const directory = join(cache, "go", `${name}@${version}`)
  const path = join(directory, program)
  if (await exists(path)) return path
  if (!(await installed("go", ["version"]))) {
    throw new Unavailable(`go is not installed, and ${name} ${version} is a Go module`)
  }
  await mkdir(join(cache, "go"), { recursive: true })
  // Built aside and moved whole, so that a build cut short leaves nothing half done.
  const aside = await mkdtemp(join(cache, "go", "build-"))
  try {
    if ("packages" in source) {
      const paths = source.packages.map((path) => `${path}@${version}`)
      await go(["install", ...paths], aside, aside, buildMinutes * minuteMs)
    } else if ("program" in source) {
      await go(["install", ".", ...(source.hasTools === true ? ["tool"] : [])], source.program, aside)
    } else {
      await installMended(source, aside)
    }
    await rm(directory, { recursive: true, force: true })
    await rename(aside, directory)
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
  return path
}

/** Where the source of a Go module is, as Go keeps it. `Unavailable` where there is no Go. */
export async function goSource(modulePath: string, name: GoModuleName): Promise<string> {
  if (!(await installed("go", ["version"]))) throw new Unavailable("go is not installed")
  const { code, output } = await run("go", ["mod", "download", "-json", `${modulePath}@${goVersion(name)}`], {
    timeoutMs: buildTimeoutMs,
  })
  const directory = output.match(/"Dir": "([^"]+)"/)?.[1]
  if (code !== 0 || directory === undefined)
    throw new Error(`go mod download ${modulePath} failed:\n${output.trim()}`)
  return directory
}

async function installMended(source: Extract<Source, { directory: string }>, to: string): Promise<void> {
  const work = join(to, "source")
  await mkdir(work)
  for (const file of ["go.mod", "go.sum"]) await copyFile(join(source.directory, file), join(work, file))
  await go(["mod", "vendor"], work, to)
  for (const mend of source.mends) {
    const file = join(work, mend.file)
    const text = await readFile(file, "utf8")
    if (!text.includes(mend.from)) throw new Error(`${mend.file} has no ${mend.from}`)
    await writeFile(file, text.replace(mend.from, mend.to))
  }
  await go(["install", "-mod=vendor", "tool"], work, to)
  await rm(work, { recursive: true })
}

async function go(args: string[], cwd: string, bin: string, timeoutMs = buildTimeoutMs): Promise<void> {
  const { code, output } = await run("go", args, { cwd, env: { GOBIN: bin }, timeoutMs })
  if (code !== 0) throw new Error(`go ${args.join(" ")} failed:\n${output.trim()}`)
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
