import type { JwtConfig } from "../../config/jwt-model.ts"
import type { AccessConfig, RealIpConfig } from "../../config/model.ts"
import { isOwnPath } from "../../config/said-path.ts"
import { connectionFieldValues } from "../../record/connection-fields.ts"
import { type Failure, failure } from "../../record/failure.ts"
import { type AddressRange, addressOctets, isWithin, parseNetwork } from "../../record/networks.ts"
import { clientAt, clientBehind } from "../../record/real-client.ts"
import type { StreamRecord } from "../../record/record.ts"
import { stateOf } from "../../record/request-state.ts"
import type { Template } from "../../record/template.ts"
import { writableValue } from "../../record/written-field.ts"
import { askAuthorization } from "./auth-request.ts"
import { forgetUnverified, JwtCheck, type TokenVerifier } from "./jwt.ts"
import type { Phase, PhaseContext, PhasedCall, Verdict } from "./route.ts"

/** A file of users and their passwords, both octets. */
export interface Users {
  /**
   * `unreadable`: the file; `busy`: so many are looked at that this one is not.
   *
   * @param client whose places it takes where it takes long
   */
  check(user: string, password: string, client: string): boolean | "unreadable" | "busy" | PasswordCheck
}

/** A password that takes long to tell. */
export interface PasswordCheck {
  readonly answer: Promise<boolean | "unavailable">
  /** The call is over. */
  giveUp(): void
}

/** Finds them by their path: that of the configuration, or what variables in it come to. */
export interface UserFiles {
  of(path: string): Users
  named(path: string): Users
  /** For the log: clients may have made it up. */
  tellUnreadable(path: string): void
}

/** `allowed`: as the rule says so. Null: it does not say. */
type Decision = Verdict | "allowed" | null
type Check = (call: PhasedCall, context: PhaseContext) => Decision

/** Networks, `unix:` or `all`. A name that was not looked up fits no client. */
function matcher(text: string): (octets: string | null) => boolean {
  if (text === "all") return () => true
  if (text === "unix:") return (octets) => octets === null
  const network: AddressRange | null = parseNetwork(text)
  return (octets) => network !== null && octets !== null && isWithin(network, octets)
}

function clientOctets({ connection, state }: StreamRecord): string | null {
  return addressOctets(state?.realClient?.address ?? connection.remoteAddress)
}

/** nginx: `set_real_ip_from`, `real_ip_header`, `real_ip_recursive`. */
export function findRealClient({
  from,
  header,
  recursive,
}: RealIpConfig): (call: Pick<PhasedCall, "record">) => null {
  const trusted = from.map(matcher)
  const isTrusted = (octets: string | null) => trusted.some((each) => each(octets))
  return ({ record }) => {
    const { connection } = record
    if (record.state?.realClient != null || !isTrusted(addressOctets(connection.remoteAddress))) return null
    if (header === "proxy_protocol") {
      const { proxied } = connection
      const client = proxied === null ? null : clientAt(proxied.sourceAddress, proxied.sourcePort)
      if (client !== null) stateOf(record).realClient = client
      return null
    }
    const values = valuesOf(record, header)
    if (values === "") return null
    const client = clientBehind(values, isTrusted, recursive)
    if (client !== null) stateOf(record).realClient = client
    return null
  }
}

function valuesOf({ requestHeaders }: StreamRecord, name: string): string {
  const { fields } = requestHeaders
  const values: string[] = []
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) values.push(fields[i + 1]!)
  // Else a client could have what a proxy has written of it taken out, by naming it in `connection`.
  return [...values, ...connectionFieldValues(requestHeaders, name)].join(", ")
}

/** What the access phase is made of. */
export interface AccessParts {
  templateOf(source: string): Template
  userFiles: UserFiles
  /** @param server whose locations are asked for keys */
  verifierOf(config: JwtConfig, server: string): TokenVerifier
}

export function hasAccess({ rules, basic, jwt, request }: AccessConfig): boolean {
  return rules.length > 0 || basic !== null || jwt !== null || request !== null
}

/** Who is let in: nginx's access phase. Of a subrequest nothing is asked. `first`: what comes before callers are counted. */
export function checkAccess(
  { satisfy, rules, basic, jwt, request }: AccessConfig,
  { templateOf: template, userFiles, verifierOf }: AccessParts,
  server: string,
  extAuthz: Check | null = null,
): { first: Phase[]; phases: Phase[] } {
  const checks: Check[] = []
  if (rules.length > 0) checks.push(checkRules(rules))
  if (basic !== null)
    checks.push(
      checkBasic(template(basic.realm), userFile(basic.userFile, template, userFiles), (path) =>
        userFiles.tellUnreadable(path),
      ),
    )
  const tokens = jwt === null ? null : new JwtCheck(jwt, template, verifierOf(jwt, server))
  if (tokens !== null) checks.push((call, context) => tokens.check(call, context))
  if (request !== null) checks.push(ofOneCredential(askAuthorization(request, template)))
  if (extAuthz !== null) checks.push(ofOneCredential(extAuthz))
  const run = satisfy === "any" ? any : all
  const check: Phase = (call, context) =>
    call.record.state?.isSubrequest === true ? null : run(checks, call, context, 0, null)
  return tokens === null
    ? { first: [], phases: [check] }
    : { first: [tokens.read], phases: [check, forgetUnverified] }
}

/** A service might judge the one, and a backend believe the other. nginx answers 400, whatever is asked. */
function ofOneCredential(check: Check): Check {
  return (call, context) => (hasSeveralCredentials(call.record) ? SEVERAL_CREDENTIALS : check(call, context))
}

function hasSeveralCredentials({ requestHeaders: { fields } }: StreamRecord): boolean {
  let count = 0
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === "authorization") count++
  return count > 1
}

const SEVERAL_CREDENTIALS = failure("unauthenticated", "there is more than one authorization field", true)

type Run = (
  checks: Check[],
  call: PhasedCall,
  context: PhaseContext,
  from: number,
  refusal: Failure | null,
) => Verdict | null

/** Each must allow it, or have nothing to say. */
const all: Run = (checks, call, context, from) => {
  for (let i = from; i < checks.length; i++) {
    const decision = checks[i]!(call, context)
    if (decision === null || decision === "allowed") continue
    if (!isWaiting(decision)) return decision
    return then(decision, (verdict) => verdict ?? all(checks, call, context, i + 1, null))
  }
  return null
}

/** The first that allows it lets it in; 401 is told rather than 403. */
const any: Run = (checks, call, context, from, earlier) => {
  let refusal = earlier
  for (let i = from; i < checks.length; i++) {
    const decision = checks[i]!(call, context)
    if (decision === "allowed") return null
    if (decision === null) continue
    if (isWaiting(decision)) {
      const known = refusal
      return then(decision, (verdict) => {
        if (verdict === null) return null
        if (!isRefusal(verdict)) return verdict
        return any(checks, call, context, i + 1, worse(known, verdict))
      })
    }
    if (!isRefusal(decision)) return decision
    refusal = worse(refusal, decision)
  }
  return refusal
}

function worse(one: Failure | null, other: Failure): Failure {
  return one?.kind === "unauthenticated" ? one : other
}

function isRefusal(verdict: Verdict): verdict is Failure {
  return verdict.kind === "access_denied" || verdict.kind === "unauthenticated"
}

type Waiting = Extract<Verdict, { kind: "wait" }>
const isWaiting = (decision: Verdict): decision is Waiting => decision.kind === "wait"

/** What waits, and then what `next` makes of its verdict; null: it was allowed. */
function then(wait: Waiting, next: (verdict: Verdict | null) => Verdict | null): Waiting {
  return {
    kind: "wait",
    begin: (done) =>
      wait.begin((verdict) => done(verdict === null || isRefusal(verdict) ? next(verdict) : verdict)),
  }
}

/** nginx: `allow` and `deny`; null: no rule fits. */
export function checkRules(
  rules: AccessConfig["rules"],
): (call: Pick<PhasedCall, "record">) => Failure | "allowed" | null {
  const compiled = rules.map(({ allow, from }) => ({ allow, matches: matcher(from) }))
  return ({ record }) => {
    const octets = clientOctets(record)
    const rule = compiled.find(({ matches }) => matches(octets))
    if (rule === undefined) return null
    return rule.allow ? "allowed" : failure("access_denied", "access forbidden by rule", true)
  }
}

/** The file whose users are let in; `users` null: none that is asked for users. */
type UserFile = (record: StreamRecord, env: PhaseContext["env"]) => { path: string; users: Users | null }

function userFile(
  path: string,
  templateOf: AccessParts["templateOf"],
  userFiles: AccessParts["userFiles"],
): UserFile {
  if (!path.includes("$")) {
    const file = { path, users: userFiles.of(path) }
    return () => file
  }
  const template = templateOf(path)
  return (record, env) => {
    const named = Buffer.from(template.render(record, env), "latin1").toString()
    return { path: named, users: isOwnPath(named) ? userFiles.named(named) : null }
  }
}

function checkBasic(realm: Template, fileOf: UserFile, tellUnreadable: UserFiles["tellUnreadable"]): Check {
  return ({ record }, { env }) => {
    const name = realm.render(record, env)
    if (name === "off") return null
    const refusal: Failure = {
      ...failure("unauthenticated", "a user and a password are needed", true),
      // Variables in it, as $uri, may hold the end of a line.
      fields: ["www-authenticate", writableValue(`Basic realm="${name}"`)],
    }
    if (hasSeveralCredentials(record)) return { ...refusal, message: SEVERAL_CREDENTIALS.message }
    const credentials = basicCredentials(record.requestHeaders.get("authorization"))
    if (credentials === null) return refusal
    const { path, users } = fileOf(record, env)
    const outcome = users?.check(credentials.user, credentials.password, placesOf(record)) ?? "unreadable"
    if (outcome === "unreadable") {
      tellUnreadable(path)
      return failure("access_denied", "access forbidden", true)
    }
    if (outcome === "busy")
      return failure("overload", "too many passwords are being looked at (passwordChecksMax)", true)
    if (outcome === true) return "allowed"
    if (outcome === false) return refusal
    return {
      kind: "wait",
      begin(done) {
        let isGivenUp = false
        outcome.answer.then(
          (told) => !isGivenUp && done(told === "unavailable" ? UNAVAILABLE : told ? null : refusal),
          () => !isGivenUp && done(UNAVAILABLE),
        )
        return () => {
          isGivenUp = true
          outcome.giveUp()
        }
      },
    }
  }
}

const UNAVAILABLE: Failure = {
  ...failure("auth_unavailable", "the password cannot be looked at", true),
  httpStatus: 503,
}

/** Whose places its passwords take: the client's, of IPv6 its network's, whose addresses are its own to choose. */
function placesOf(record: StreamRecord): string {
  const octets = clientOctets(record) ?? ""
  return octets.length > 4 ? octets.slice(0, 8) : octets
}

/** RFC 7617; null: none that can be read. What is no base64 (RFC 4648 §4) others would read otherwise. */
function basicCredentials(field: string | undefined): { user: string; password: string } | null {
  const [, encoded, octets] = /^basic +(([A-Za-z0-9+/]+)={0,2}) *$/i.exec(field ?? "") ?? []
  if (encoded === undefined || octets!.length % 4 === 1) return null
  const text = Buffer.from(encoded, "base64").toString("latin1")
  const colon = text.indexOf(":")
  return colon < 1 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}
