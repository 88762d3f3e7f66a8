import assert from "node:assert/strict"
import type { Socket } from "node:net"
import { Duplex } from "node:stream"
import type { Config } from "../../../src/config/model.ts"
import { readNginxConfig } from "../../../src/config/nginx/read.ts"
import type { OnOctets } from "../../../src/net/shared-read.ts"

const FILE = `
upstream backends { server 127.0.0.1:3000; keepalive 4; }
server { listen 8080; client_max_body_size 4k;
  location / { proxy_pass http://backends; }
  location /stream { proxy_pass http://backends; proxy_request_buffering off; proxy_buffering off; proxy_pass_trailers on; }
  location /up { proxy_pass http://backends; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade"; }
  location /again { proxy_pass http://backends; proxy_next_upstream error timeout invalid_header http_502 non_idempotent;
    proxy_next_upstream_tries 2; proxy_intercept_errors on; error_page 500 502 504 /sorry; }
  location /sorry { return 200 sorry; }
}
`

function readConfig(): Config {
  const { config, problems } = readNginxConfig(FILE, "nginx.conf", {
    read: () => new Uint8Array(),
    list: () => [],
  })
  assert(config !== null, problems.map(({ message }) => message).join("; "))
  return JSON.parse(
    JSON.stringify(config)
      .replaceAll('"0.0.0.0:8080"', '"fuzz:8080"')
      .replaceAll('"host":"0.0.0.0","port":8080', '"host":"fuzz","port":8080'),
  ) as Config
}

const CONFIG = readConfig()

/** A proxy of HTTP/1.1 on the virtual network. */
export function proxyConfig(): Config {
  return structuredClone(CONFIG)
}

/** One connection to a backend: what it hears, and what it says. */
export class BackendSocket extends Duplex {
  heard = ""
  readonly #onHeard: (socket: BackendSocket) => void

  /**
   * @param onOctets gets what it says
   * @param onHeard is told each time that more was heard
   */
  constructor(onOctets: OnOctets, onHeard: (socket: BackendSocket) => void) {
    super({ allowHalfOpen: false })
    this.#onHeard = onHeard
    this.on("data", (octets: Buffer) => onOctets(octets, octets.length))
    setImmediate(() => this.emit("connect"))
  }

  override _read(): void {}

  override _write(octets: Buffer, _encoding: string, done: () => void): void {
    this.heard += octets.toString("latin1")
    this.#onHeard(this)
    done()
  }

  override _final(done: () => void): void {
    this.push(null)
    done()
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  setTimeout(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  asSocket(): Socket {
    return this as unknown as Socket
  }
}
