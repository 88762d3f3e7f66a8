/**
 * Files as an answer: nginx's try_files, index and static modules, in their order. What is read from disk waits, so that
 * streams on the same thread go on. Source: ngx_http_try_files_module.c, ngx_http_index_module.c, ngx_http_static_module.c.
 */
import { once } from "node:events"
import type { ReadStream, Stats } from "node:fs"
import { stat } from "node:fs/promises"
import { resolve } from "node:path"
import type { Readable } from "node:stream"
import { send } from "@fastify/send"
import { octetText } from "../../base/octet-text.ts"
import type { FilesConfig } from "../../config/files-model.ts"
import { type RequestState, stateOf } from "../../record/request-state.ts"
import { literalTemplate, type Template } from "../../record/template.ts"
import { escapeUri } from "../../record/uri.ts"
import { unrouted } from "../../relay/route/phases.ts"
import type { Phase, PhaseContext, PhasedCall, ReturnAction, Verdict } from "../../relay/route/route.ts"
import type { FilesParts } from "../../relay/route/route-parts.ts"
import { rangeOf, statusOf, type Version } from "./conditions.ts"
import { fileContent, headOnly } from "./file-answer.ts"
import { type FilePath, filePath } from "./file-path.ts"
import { type Multipart, multipartOf } from "./multipart.ts"
import { readRanges } from "./ranges.ts"

const GRPC_UNIMPLEMENTED = 12
const GRPC_PERMISSION_DENIED = 7

/** The last phase of a route whose calls are answered by files. */
export function serveFiles(config: FilesConfig, parts: FilesParts): Phase {
  const files = new Files(config, parts)
  return (call, context) => ({
    kind: "wait",
    begin(done) {
      let isGivenUp = false
      const finish = (found: Found): void => {
        if (isGivenUp) found.file?.destroy()
        else done(call.isGrpc ? toldToGrpc(found.verdict, call) : found.verdict)
      }
      files.find(call, context).then(finish, () => finish({ verdict: answer(500) }))
      return () => {
        isGivenUp = true
      }
    },
  })
}

/** No file is for calls of gRPC: they are told so as where no route is. */
function toldToGrpc(verdict: Verdict, { record }: PhasedCall): Verdict {
  const status = verdict.kind === "return" ? verdict.status : 0
  return status === 404 || status === 405 ? { ...unrouted(record.head.path), httpStatus: status } : verdict
}

/** What a call comes to, and the file that is open for it. */
interface Found {
  readonly verdict: Verdict
  readonly file?: Readable
}

/** Where a path leads on disk. */
interface OnDisk {
  readonly path: FilePath
  readonly stats: Stats
}

class Files {
  readonly #config: FilesConfig
  readonly #parts: FilesParts
  readonly #root: Template
  readonly #index: readonly Template[]
  readonly #tried: readonly { readonly uri: Template; readonly isDirectory: boolean }[]
  readonly #last: Template | null
  readonly #types: ReadonlyMap<string, string>

  constructor(config: FilesConfig, parts: FilesParts) {
    const { templateOf } = parts
    this.#config = config
    this.#parts = parts
    // What the operator wrote may well have `..` in it.
    const isFixed = !config.root.includes("$")
    const slash = config.root.endsWith("/") && config.replaces !== 0 ? "/" : ""
    this.#root = isFixed
      ? literalTemplate(resolve(config.root).replace(/\/$/, "") + slash)
      : templateOf(config.root)
    this.#index = config.index.map(templateOf)
    this.#tried = config.tryFiles.slice(0, -1).map((text) => ({
      uri: templateOf(text.replace(/\/$/, "")),
      isDirectory: text.endsWith("/"),
    }))
    this.#last = config.tryFiles.length === 0 ? null : templateOf(config.tryFiles.at(-1)!)
    this.#types = new Map(
      Object.entries(config.types).map(([name, type]) => [octetText(name), octetText(type)]),
    )
  }

  async find(call: PhasedCall, context: PhaseContext): Promise<Found> {
    const state = stateOf(call.record)
    const tried = this.#last === null ? null : await this.#try(this.#last, call, state, context)
    if (tried !== null && "kind" in tried) return { verdict: tried }
    const method = state.method ?? call.record.head.method
    const isRead = method === "GET" || method === "HEAD"
    if (!isRead && method !== "POST") return { verdict: answer(405) }
    if (state.uri.endsWith("/")) return { verdict: await this.#indexOf(call, state, context) }
    const found = tried ?? (await this.#look(state.uri, call, context))
    if (typeof found === "number") return { verdict: answer(found) }
    if (found.stats.isDirectory()) return { verdict: this.#toDirectory(state) }
    if (!isRead) return { verdict: answer(405) }
    return this.#open(found, call, state, context)
  }

  /** The file that is there, and is now the request's path; null: the directory that it is. */
  async #try(
    last: Template,
    call: PhasedCall,
    state: RequestState,
    context: PhaseContext,
  ): Promise<Verdict | OnDisk | null> {
    const { replaces } = this.#config
    const isAll = replaces === "all"
    for (const { uri, isDirectory } of this.#tried) {
      const rendered = uri.render(call.record, context.env)
      const prefix = isAll ? "" : state.uri.slice(0, replaces)
      const path = rendered.startsWith(prefix) ? rendered : prefix + rendered
      const found = await this.#look(path, call, context, isAll ? path : "")
      if (typeof found === "number" || found.stats.isDirectory() !== isDirectory) continue
      if (isDirectory && isAll) return null
      state.uri = path
      state.isRewritten = true
      return isDirectory ? null : found
    }
    const target = last.render(call.record, context.env)
    if (target.startsWith("=")) return answer(Number(target.slice(1)))
    return this.#parts.redirect(call.record, target)
  }

  async #indexOf(call: PhasedCall, state: RequestState, context: PhaseContext): Promise<Verdict> {
    for (const name of this.#index) {
      const rendered = name.render(call.record, context.env)
      if (rendered.startsWith("/")) return this.#parts.redirect(call.record, rendered)
      const found = await this.#look(state.uri, call, context, rendered)
      if (typeof found !== "number" && !found.stats.isDirectory()) {
        return this.#parts.redirect(call.record, state.uri + rendered, state.args)
      }
      if (found === 403) return answer(403)
    }
    const directory = await this.#look(state.uri, call, context)
    return answer(typeof directory === "number" ? directory : 403)
  }

  /** @param name of a file in the directory that `uri` is */
  async #look(uri: string, call: PhasedCall, { env }: PhaseContext, name = ""): Promise<OnDisk | 403 | 404> {
    const path = filePath(this.#root.render(call.record, env), this.#config.replaces, uri, name)
    if (path === null) return 404
    try {
      const stats = await stat(Buffer.from(joined(path), "latin1"))
      // A pipe or a device is no file; to open one may take as long as it likes.
      return stats.isFile() || stats.isDirectory() ? { path, stats } : 404
    } catch (error) {
      return statusOfError(error)
    }
  }

  #toDirectory(state: RequestState): Verdict {
    const query = state.args === "" ? "" : `?${state.args}`
    const location = `${escapeUri(state.uri)}/${query}`
    return { ...answer(301), template: { ...NO_TEXT, constant: null, render: () => location } }
  }

  async #open(
    { path, stats }: OnDisk,
    call: PhasedCall,
    state: RequestState,
    context: PhaseContext,
  ): Promise<Found> {
    const { record } = call
    const { list } = record.head
    const method = stateOf(record).method ?? record.head.method
    const modifiedSeconds = Math.floor(stats.mtimeMs / 1000)
    const etag = this.#config.etag ? `"${modifiedSeconds.toString(16)}-${stats.size.toString(16)}"` : null
    const version: Version = { etag, modifiedSeconds }
    const said = [
      ...["last-modified", new Date(modifiedSeconds * 1000).toUTCString()],
      ...(etag === null ? [] : ["etag", etag]),
    ]
    // A page of an error is sent whole.
    const isWhole = state.errorStatus !== 0 && state.errorStatus !== 200
    const status = isWhole ? 200 : statusOf(list, version, this.#config.ifModifiedSince)
    if (status === 412) return { verdict: answer(412) }
    if (status === 304) return { verdict: headOnly([":status", "304", ...said]) }
    const name = utf8(path.rest)
    if (name === null) return { verdict: answer(404) }
    const { maxRanges } = this.#config
    const asked = isWhole || stats.size === 0 ? undefined : rangeOf(list, version)
    const ranges = readRanges(asked, stats.size, maxRanges)
    if (ranges === "none")
      return { verdict: { ...answer(416), fields: ["content-range", `bytes */${stats.size}`] } }
    if (ranges !== "whole" && ranges.length > 1) {
      const whole = this.#typeOf(state.uri)
      const type = whole === "" ? "" : call.route.responseRewrite.contentType(whole, 206, record, context.env)
      const file = { path: joined(path), octets: stats.size, ranges, type, random: context.env.random() }
      return this.#openMultipart(multipartOf(file), method, said)
    }
    const [range] = ranges === "whole" ? [] : ranges
    const sent = await send(
      requestOf(method, range === undefined ? undefined : `bytes=${range.start}-${range.end - 1}`),
      encodeURI(name).replace(/[?#]/g, encodeURIComponent),
      {
        root: Buffer.from(path.directory, "latin1").toString(),
        ...{ dotfiles: "allow", index: false, etag: false, lastModified: false },
        ...{ cacheControl: false, contentType: false },
      },
    )
    const { statusCode, stream, headers } = sent
    if (sent.type !== "file") return { verdict: answer(404) }
    const type = this.#typeOf(state.uri)
    const octets = Number(headers["Content-Length"])
    const fields = [
      ...[":status", String(statusCode), ...(type === "" ? [] : ["content-type", type])],
      ...["content-length", String(octets), ...said],
      ...(statusCode === 206
        ? ["content-range", headers["Content-Range"]!]
        : isWhole || maxRanges === 0
          ? []
          : ["accept-ranges", "bytes"]),
    ]
    if (method === "HEAD" || octets === 0) {
      stream.on("error", () => {}).destroy()
      return { verdict: headOnly(fields) }
    }
    try {
      await once(stream, "open")
    } catch (error) {
      return { verdict: answer(statusOfError(error)) }
    }
    return { verdict: fileContent(fields, octets, stream as ReadStream), file: stream }
  }

  async #openMultipart(multipart: Multipart, method: string, said: readonly string[]): Promise<Found> {
    const { contentType, octets } = multipart
    const length = ["content-length", String(octets)]
    const fields = [":status", "206", "content-type", contentType, ...length, ...said]
    if (method === "HEAD") return { verdict: headOnly(fields) }
    try {
      const file = await multipart.open()
      return { verdict: fileContent(fields, octets, file), file }
    } catch (error) {
      return { verdict: answer(statusOfError(error)) }
    }
  }

  #typeOf(uri: string): string {
    const [, extension] = /\.([^./]+)$/.exec(uri) ?? []
    return this.#types.get(extension?.toLowerCase() ?? "") ?? octetText(this.#config.defaultType)
  }
}

/** What the library reads of a request. */
function requestOf(method: string, range: string | undefined): Readable {
  return { method, headers: range === undefined ? {} : { range } } as unknown as Readable
}

const NO_TEXT = literalTemplate("")

function answer(status: number): ReturnAction {
  return {
    kind: "return",
    status,
    template: NO_TEXT,
    contentType: "",
    grpcStatus:
      status === 403 ? GRPC_PERMISSION_DENIED : status === 404 || status === 405 ? GRPC_UNIMPLEMENTED : null,
    grpcMessage: null,
  }
}

function joined({ directory, rest }: FilePath): string {
  return directory + rest
}

/** Null: the octets are none; the library takes only names that are. */
function utf8(octets: string): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(octets, "latin1"))
  } catch {
    return null
  }
}

function statusOfError(error: unknown): 403 | 404 {
  const { code } = error as NodeJS.ErrnoException
  return code === "EACCES" || code === "EPERM" ? 403 : 404
}
