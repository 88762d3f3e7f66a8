import { request } from "node:http"
import { adminAddress } from "../../config/admin-address.ts"
import { readToken } from "../../control/admin/access.ts"
import { type AdminPlace, foundPlaces } from "../../control/admin/admin-socket.ts"
import { refuseUpgrade } from "../../net/refuse-upgrade.ts"

/** Why a command cannot do what it should: one line, and the exit code. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Where a running Sluice is asked, as options of a command say it. */
export interface AdminOptions {
  readonly admin?: string
  readonly tokenFile?: string
  readonly json: boolean
}

type Place = { socketPath: string } | { host: string; port: number }

const ANSWER_MS = 15_000

/** Asks the admin API of a running Sluice. */
export class AdminClient {
  readonly #place: Place
  readonly #token: string | null
  /** For people. */
  readonly where: string

  private constructor(place: Place, where: string, token: string | null) {
    this.#place = place
    this.where = where
    this.#token = token
  }

  /** The Sluice that the options name, or the only one that runs here. Errors: throws CommandError. */
  static find({ admin, tokenFile }: AdminOptions, env: NodeJS.ProcessEnv): AdminClient {
    // As most programs have it, a variable that is empty says nothing.
    const written = admin ?? (env.SLUICE_ADMIN || undefined)
    const place = written === undefined ? foundPlace(env) : { address: written, tokenFile: null }
    const address = adminAddress(place.address)
    const said = admin === undefined ? "SLUICE_ADMIN=" : "--admin "
    if (address === null)
      throw new CommandError(`${said}${written}: must be a port, host:port, [v6]:port or unix:/path`, 2)
    const { host, port, unixPath, text } = address
    const file = tokenFile ?? place.tokenFile
    return new AdminClient(
      unixPath === null ? { host: reachable(host!), port: port! } : { socketPath: unixPath },
      text,
      file === null ? null : tokenOf(file),
    )
  }

  get<Answer>(path: string): Promise<Answer> {
    return this.#ask("GET", path)
  }

  post<Answer>(path: string, body: object = {}): Promise<Answer> {
    return this.#ask("POST", path, body)
  }

  #ask<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = {
        host: "localhost",
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(this.#token !== null && { authorization: `Bearer ${this.#token}` }),
      }
      const asked = request({ ...this.#place, method, path, headers, timeout: ANSWER_MS }, (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
        response.on("error", (error) => reject(this.#unreachable(error)))
        response.on("end", () => {
          const status = response.statusCode!
          const answer = parsed(text)
          if (status < 400 && answer !== undefined) return resolve(answer as Answer)
          const reason =
            (answer as { error?: string } | undefined)?.error ?? `it answered with status ${status}`
          const problems = (answer as { problems?: string[] } | undefined)?.problems ?? []
          reject(new CommandError([reason, ...problems].join("\n  "), status === 400 ? 2 : 1))
        })
      })
      refuseUpgrade(asked)
      asked.on("timeout", () => asked.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)))
      asked.on("error", (error) => reject(this.#unreachable(error)))
      asked.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  #unreachable({ code, message }: NodeJS.ErrnoException): CommandError {
    if (code === "ECONNREFUSED" || code === "ENOENT")
      return new CommandError(`no Sluice answers at ${this.where}`)
    if (code === "EACCES") return new CommandError(`${this.where} is another user's`)
    return new CommandError(`cannot ask ${this.where}: ${message}`)
  }
}

/** The only Sluice that runs here. Errors: throws CommandError. */
function foundPlace(env: NodeJS.ProcessEnv): AdminPlace {
  const found = foundPlaces(env)
  if (found.length === 1) return found[0]!
  if (found.length === 0)
    throw new CommandError(
      "no Sluice of this user runs here with an admin API; another user's, or another machine's, is named so: --admin 127.0.0.1:9901",
    )
  const which = found.map(({ address }) => `--admin ${address}`).join("\n  ")
  throw new CommandError(`several run here; say which:\n  ${which}`, 2)
}

/** An address that means all of them is asked on this machine. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1"
  return host === "::" ? "::1" : host
}

function tokenOf(file: string): string {
  try {
    return readToken(file)
  } catch (error) {
    throw new CommandError((error as Error).message, 2)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
