import type { Clock } from "../base/clock.ts"
import type { LoadedConfig } from "../config/load.ts"
import { fileVersions, TlsFileWatch } from "../net/tls-file-watch.ts"

/** Tells when a file that the configuration was read from, includes among them, is another one than it was then. */
export class ConfigWatch {
  readonly #files: TlsFileWatch
  readonly #onChange: () => void
  #paths: readonly string[]
  #unwatch: () => void = () => {}

  /** `path`: the file that names the others. */
  constructor(path: string, clock: Clock, onChange: () => void) {
    this.#paths = [path]
    this.#files = new TlsFileWatch(clock)
    this.#onChange = onChange
  }

  /** Reads the configuration by `load`, and from then on looks at what it was read from. */
  async reading(load: () => Promise<LoadedConfig>): Promise<LoadedConfig> {
    // Taken first: a change while it is read is a change.
    const before = fileVersions(this.#paths)
    const loaded = await load()
    const paths = [...new Set([...this.#paths.slice(0, 1), ...loaded.sources.keys()])]
    const versions = new Map([
      ...fileVersions(paths),
      ...[...before].filter(([path]) => paths.includes(path)),
    ])
    this.#paths = paths
    this.#unwatch()
    this.#unwatch = this.#files.watch(versions, this.#onChange)
    return loaded
  }
}
