import { type ClientRequest, request } from "node:http"
import type { Clock, Timer } from "../base/clock.ts"
import type { Random } from "../base/random.ts"
import type { Address } from "../config/address.ts"
import { refuseUpgrade } from "../net/refuse-upgrade.ts"
import { readSnapshot, type SnapshotListener, type SnapshotSource } from "./snapshot.ts"

export interface AdminSourceOptions {
  readonly address: Address
  /** Null: it wants none. */
  readonly token: string | null
  readonly cluster: string
  readonly clock: Clock
  readonly random: Random
}

const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 10_000
/** The API sends a comment every 15 s. */
const SILENCE_MS = 40_000
/** 100,000 endpoints are some 12 MB. */
const SNAPSHOT_CHARACTERS_MAX = 64 * 1024 * 1024

/** Snapshots of a cluster from the admin API of a Sluice, for as long as there is one. */
export class AdminSource implements SnapshotSource {
  readonly #options: AdminSourceOptions
  #listener: SnapshotListener | null = null
  #request: ClientRequest | null = null
  #timer: Timer | null = null
  #tries = 0

  constructor(options: AdminSourceOptions) {
    this.#options = options
  }

  start(listener: SnapshotListener): void {
    this.#listener = listener
    this.#ask()
  }

  stop(): void {
    this.#listener = null
    this.#timer?.cancel()
    this.#request?.destroy()
  }

  #ask(): void {
    const { address, token, cluster } = this.#options
    const { host, port, unixPath } = address
    const asked = request({
      ...(unixPath === null ? { host: host!, port: port! } : { socketPath: unixPath }),
      path: `/clusters/${encodeURIComponent(cluster)}/endpoints`,
      headers: {
        host: "localhost",
        accept: "text/event-stream",
        ...(token !== null && { authorization: `Bearer ${token}` }),
      },
      timeout: SILENCE_MS,
      agent: false,
    })
    this.#request = asked
    let isOver = false
    const over = (reason: string): void => {
      if (isOver || this.#listener === null) return
      isOver = true
      asked.destroy()
      this.#listener.onFailure(`${address.text}: ${reason}`)
      this.#again()
    }
    refuseUpgrade(asked)
    asked.on("socket", (socket) => socket.unref())
    asked.on("timeout", () => over("it is silent"))
    asked.on("error", (error) => over(error.message))
    asked.on("response", (response) => {
      let rest = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        rest += chunk
        if (response.statusCode !== 200) return
        const frames = rest.split("\n\n")
        rest = frames.pop()!
        if (rest.length > SNAPSHOT_CHARACTERS_MAX) return over("a snapshot is too long")
        for (const frame of frames) this.#take(frame, over)
      })
      response.on("end", () =>
        over(response.statusCode === 200 ? "it ended" : errorOf(rest, response.statusCode!)),
      )
      response.on("error", (error) => over(error.message))
    })
    asked.end()
  }

  #take(frame: string, over: (reason: string) => void): void {
    const data = /^data: (.*)$/m.exec(frame)?.[1]
    if (data === undefined) return
    try {
      const snapshot = readSnapshot(data)
      this.#tries = 0
      this.#listener?.onSnapshot(snapshot)
    } catch (error) {
      over((error as Error).message)
    }
  }

  #again(): void {
    const { clock, random } = this.#options
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.#tries++, 10))
    this.#timer = clock.after(longest * (0.5 + random() / 2), () => this.#ask())
  }
}

function errorOf(text: string, status: number): string {
  try {
    return (JSON.parse(text) as { error: string }).error
  } catch {
    return `it answered with status ${status}`
  }
}
