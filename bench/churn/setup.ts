import type { Peer } from "../peers/peer.ts"
import type { TemplateValues } from "../peers/template.ts"

/** What the files of a proxy are made from. */
export interface ProxyValues extends TemplateValues {
  /** Reloads so far. */
  round: number
  backendCount: number
}

/** A running proxy, as far as one has to reach it to tell it something. */
export interface ToldProxy {
  /** Where its files are. */
  readonly directory: string
  signal(signal: NodeJS.Signals): void
}

/** How a proxy is set up for the churn suite, and how it is told of a change. */
export interface Setup {
  /** Templates in `conf/`; it is started with the first. */
  readonly files: readonly string[]
  /** argv, given what the benchmark runs and the path of the first file. */
  command(peer: Peer, configuration: string): string[]
  /** Its settings that matter here, each with the reason, and how it is told. */
  readonly why: readonly string[]
  /** Files are written anew with one more backend; this makes it known. */
  addBackend(proxy: ToldProxy, port: number, index: number): Promise<void>
  /** Files are written anew with a changed timeout; this makes it known. */
  reload(proxy: ToldProxy): void
}
