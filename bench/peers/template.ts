import { readFileSync } from "node:fs"

/** What a peer's configuration template may name. */
export interface TemplateValues {
  /** Where the peer listens, on 127.0.0.1. */
  port: number
  /** Where the backends listen. A line with `{{backend}}` or `{{index}}` is repeated for each. */
  backends: readonly number[]
  /** Clients speak TLS: lines that begin with `{{tls}}` are in, those with `{{plain}}` are not. Else the reverse. */
  tls: boolean
  /** Streams to allow on one connection. */
  streams: number
  /** Downstream connections to allow. */
  connections: number
  /** Sockets to allow in all. */
  sockets: number
  /** A buffer that a whole message fits in. */
  bufferOctets: number
  /** A directory of the peer's own, for pid files and the like. */
  directory: string
  /** Sluice's data threads. */
  threads: number
  /** nginx's `access_log` value. */
  accessLog: string
  /** A directive of Sluice, or nothing: earlier revisions do not know it. */
  continuity: string
}

/** The template of the configuration file of this name. */
export function readTemplate(name: string): string {
  return readFileSync(new URL(`./conf/${name}.template`, import.meta.url), "utf8")
}

/** Fills in a template. Throws when it names something unknown. */
export function fillTemplate(template: string, values: TemplateValues): string {
  return template
    .split("\n")
    .flatMap((line) => {
      const [, when, rest] = /^(?:\{\{(tls|plain)\}\})?(.*)$/.exec(line)!
      return when === undefined || (when === "tls") === values.tls ? [rest!] : []
    })
    .flatMap((line) =>
      /\{\{(backend|index)\}\}/.test(line)
        ? values.backends.map((backend, index) => fillLine(line, { ...values, backend, index: index + 1 }))
        : [fillLine(line, values)],
    )
    .join("\n")
}

function fillLine(line: string, values: object): string {
  return line.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => {
    const value: unknown = (values as Record<string, unknown>)[name]
    if (typeof value !== "number" && typeof value !== "string") throw new Error(`the template names ${whole}`)
    return String(value)
  })
}
