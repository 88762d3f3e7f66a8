import { access, cp, mkdir, mkdtemp, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { cache } from "../cache.ts"
import { installed, run } from "../child.ts"
import { Unavailable } from "../result.ts"
import type { ClientProgram } from "./client.ts"

/** As in java-client/pom.xml. */
export const grpcJavaVersion = "1.85.1"

const SOURCE = fileURLToPath(new URL("./java-client/", import.meta.url))
const BUILD_MS = 10 * 60_000

/** The client of grpc-java, built on first use. `Unavailable` where there is no Java or no Maven. */
export async function javaClient(): Promise<ClientProgram> {
  const directory = join(cache, `grpc-java-${grpcJavaVersion}`)
  const program: ClientProgram = {
    command: "java",
    wantsCertificate: true,
    args: ["-cp", `${join(directory, "target/classes")}:${join(directory, "target/lib")}/*`, "XdsClient"],
  }
  if (!(await installed("java", ["-version"]))) throw new Unavailable("java is not installed")
  if (await exists(join(directory, "target/lib"))) return program
  if (!(await installed("mvn")))
    throw new Unavailable("mvn (Maven) is not installed, and grpc-java is built by it")
  // Built aside and moved whole, so that a build cut short leaves nothing half done.
  await mkdir(cache, { recursive: true })
  const aside = await mkdtemp(join(cache, "java-"))
  try {
    await cp(SOURCE, aside, { recursive: true })
    const goals = ["package", "dependency:copy-dependencies", "-DoutputDirectory=target/lib"]
    const { code, output } = await run("mvn", ["-q", "-B", ...goals], { cwd: aside, timeoutMs: BUILD_MS })
    if (code !== 0) throw new Error(`mvn failed:\n${output.trim()}`)
    await rm(directory, { recursive: true, force: true })
    await rename(aside, directory)
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
  return program
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
