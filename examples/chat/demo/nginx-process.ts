import { spawn } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { connect } from "node:net"
import { delimiter, join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"

export interface NginxProcess {
  readonly pid: number
  /** Settles when nginx has ended, by itself or not. */
  readonly ended: Promise<string>
  /** Fast shutdown: live streams are cut. */
  stop(): Promise<void>
}

/** Where nginx is, or undefined. Debian puts it in /usr/sbin, which is on root's PATH alone. */
export function findNginx(): string | undefined {
  const folders = [
    ...(process.env.PATH ?? "").split(delimiter),
    "/usr/sbin",
    "/usr/local/sbin",
    "/opt/homebrew/bin",
  ]
  return folders.map((folder) => join(folder, "nginx")).find(isExecutable)
}

export const HOW_TO_GET_NGINX = "nginx is not installed: apt-get install nginx-light, or brew install nginx"

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Runs real nginx in the foreground on a file that holds what nginx.conf has *inside* `http {}`, as the article's do.
 * All it writes goes below `folder`. Resolves once `port` accepts; rejects with nginx's own words when it gives up.
 */
export async function startNginx(options: {
  binary: string
  folder: string
  siteConfig: string
  port: number
  log: (line: string) => void
}): Promise<NginxProcess> {
  const { binary, folder, siteConfig, port, log } = options
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, "site.conf"), siteConfig)
  await writeFile(join(folder, "nginx.conf"), WRAPPER)
  const child = spawn(binary, ["-p", folder, "-c", "nginx.conf", "-e", "stderr"], {
    stdio: ["ignore", "inherit", "pipe"],
  })
  let complaints = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints = (complaints + text).slice(-4096)
    for (const line of text.trimEnd().split("\n")) log(line)
  })
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message))
    child.once("close", (code, signal) =>
      resolve(complaints.trim() || `ended with ${signal ?? `exit code ${code}`}`),
    )
  })
  let running = true
  void ended.then(() => (running = false))
  while (running && !(await accepts(port))) await delay(20)
  if (!running) throw new Error(`nginx: ${await ended}`)
  return {
    pid: child.pid!,
    ended,
    async stop() {
      child.kill("SIGTERM")
      await ended
    },
  }
}

/** nginx's stock main file, less what needs root. `main` is its log format. */
const WRAPPER = `\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
    log_format main '$remote_addr - $remote_user [$time_local] "$request" '
                    '$status $body_bytes_sent "$http_referer" '
                    '"$http_user_agent" "$http_x_forwarded_for"';
    client_body_temp_path client_body_temp;
    proxy_temp_path proxy_temp;
    fastcgi_temp_path fastcgi_temp;
    uwsgi_temp_path uwsgi_temp;
    scgi_temp_path scgi_temp;
    include site.conf;
}
`

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" })
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false))
    socket.once("connect", () => socket.destroy())
  })
}
