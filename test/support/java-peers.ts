import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"

const SOURCE = join(import.meta.dirname, "../integration/handlers/java/Handlers.java")
const FOLDER = join(import.meta.dirname, "../../.cache/continuity/java")
const CLASSES = join(FOLDER, "classes")

/** What is missing where `javaHandlers` is null. */
export const HOW_TO_GET_JAVA =
  "javac, and grpc-java in .cache/continuity/java " +
  "(mvn dependency:copy-dependencies -DoutputDirectory=$PWD/.cache/continuity/java -f test/integration/handlers/java)"

/** The command line of the handlers on grpc-java, compiled; null: they cannot be. */
export function javaHandlers(): string[] | null {
  if (!existsSync(FOLDER)) return null
  try {
    mkdirSync(CLASSES, { recursive: true })
    execFileSync("javac", ["-cp", `${FOLDER}/*`, "-d", CLASSES, SOURCE], { stdio: "pipe" })
    // Started fast counts here: optimized, none of it is.
    return ["java", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", `${CLASSES}:${FOLDER}/*`, "Handlers"]
  } catch {
    return null
  }
}
