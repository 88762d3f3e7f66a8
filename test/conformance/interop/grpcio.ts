import { join } from "node:path"
import { cache } from "../cache.ts"
import { installed, run } from "../child.ts"
import { Unavailable } from "../result.ts"

export const grpcioVersion = "1.85.1"

const timeoutMs = 10 * 60_000

/** A Python with gRPC's C core, made on first use. `Unavailable` where there is no Python that can make an environment. */
export async function grpcioPython(): Promise<string> {
  const directory = join(cache, `grpcio-${grpcioVersion}`)
  const python = join(directory, "bin", "python")
  if (await installed(python, ["-c", "import grpc, grpc_tools"])) return python
  const made = await run("python3", ["-m", "venv", "--clear", directory], { timeoutMs })
  if (made.code !== 0) {
    throw new Unavailable("python3 with venv is not installed; Debian has it as python3-venv")
  }
  const requirements = [`grpcio==${grpcioVersion}`, `grpcio-tools==${grpcioVersion}`]
  const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...requirements]
  const { code, output } = await run(python, args, { timeoutMs })
  if (code !== 0) throw new Error(`pip install of ${requirements.join(", ")} failed:\n${output.trim()}`)
  return python
}
