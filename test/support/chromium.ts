import { existsSync } from "node:fs"
import { type Browser, chromium } from "playwright-core"

const executablePath = "/usr/bin/chromium"

/** Why there is no browser for tests; empty: there is one. */
export const noChromium = existsSync(executablePath)
  ? ""
  : "chromium is not installed: apt-get install chromium"

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]

/** Debian's chromium. Nothing is downloaded. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath, args: ARGS })
}
