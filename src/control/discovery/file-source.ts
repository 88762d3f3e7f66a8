import { parse } from "yaml"
import type { Clock, Timer } from "../../base/clock.ts"
import {
  type DiscoveredEndpoint,
  type DiscoveryListener,
  type DiscoverySource,
  plainEndpoint,
} from "./source.ts"

/** The part of the file system that is used. */
export interface EndpointFile {
  /** Changes when the file does: its modification time, size and inode. Null: it is not there. */
  stamp(): Promise<string | null>
  read(): Promise<string>
}

const POLL_MS = 1_000

/**
 * A file with a list of endpoints, YAML or JSON: addresses, or maps with `address`, `weight`, `priority`, `zone` and
 * `drain`. It is polled: watching misses a directory swapped by its symlink, as Kubernetes does. A file that cannot be
 * read, or half of one, changes nothing.
 */
export class FileSource implements DiscoverySource {
  readonly name: string
  readonly #file: EndpointFile
  readonly #clock: Clock
  #listener: DiscoveryListener | null = null
  #timer: Timer | null = null
  #stamp: string | null = ""

  constructor(path: string, file: EndpointFile, clock: Clock) {
    this.name = `file ${path}`
    this.#file = file
    this.#clock = clock
  }

  start(listener: DiscoveryListener): void {
    this.#listener = listener
    void this.#look()
  }

  refresh(): void {}

  stop(): void {
    this.#listener = null
    this.#timer?.cancel()
  }

  async #look(): Promise<void> {
    try {
      const stamp = await this.#file.stamp()
      if (stamp !== this.#stamp) {
        if (stamp === null) throw new Error("the file is not there")
        const text = await this.#file.read()
        // Written again while it was read: it is looked at once more.
        if ((await this.#file.stamp()) === stamp) {
          this.#stamp = stamp
          this.#listener?.onEndpoints(readEndpoints(text))
        }
      }
    } catch (error) {
      this.#listener?.onFailure((error as Error).message.split("\n")[0]!)
    } finally {
      if (this.#listener !== null) this.#timer = this.#clock.after(POLL_MS, () => void this.#look())
    }
  }
}

/** Errors: one sentence on what is wrong with the text. */
export function readEndpoints(text: string): DiscoveredEndpoint[] {
  const content: unknown = parse(text, { maxAliasCount: 0 })
  const list: unknown = Array.isArray(content)
    ? content
    : (content as { endpoints?: unknown } | null)?.endpoints
  if (!Array.isArray(list))
    throw new Error("it must be a list of endpoints, or a map with one under endpoints")
  if (list.length === 0) throw new Error("the list is empty")
  return list.map((item: unknown, index) => readEndpoint(item, index + 1))
}

function readEndpoint(item: unknown, number: number): DiscoveredEndpoint {
  if (typeof item === "string") return plainEndpoint(item)
  const wrong = (what: string): Error => new Error(`endpoint ${number}: ${what}`)
  if (typeof item !== "object" || item === null) throw wrong("must be an address or a map with one")
  const {
    address,
    weight = 1,
    priority = 0,
    zone = null,
    drain = false,
    ...more
  } = item as Record<string, unknown>
  const [unknown] = Object.keys(more)
  if (unknown !== undefined) throw wrong(`unknown key "${unknown}"`)
  if (typeof address !== "string") throw wrong("must have an address")
  if (!isCount(weight, 1)) throw wrong("weight must be a whole number from 1")
  if (!isCount(priority, 0)) throw wrong("priority must be a whole number from 0")
  if (zone !== null && typeof zone !== "string") throw wrong("zone must be text")
  if (typeof drain !== "boolean") throw wrong("drain must be true or false")
  return { address, weight, priority, zone, isDraining: drain }
}

function isCount(value: unknown, min: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min
}
