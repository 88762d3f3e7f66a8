/** What many keys of `sluice.yaml` hold: texts, numbers, times, sizes, addresses, templates. */
import { z } from "zod"
import { GrpcStatus } from "../../grpc/status.ts"
import { checkTemplate } from "../../record/template.ts"
import { isKnownVariable, variableNames } from "../../record/variables.ts"
import { parseAddress } from "../address.ts"
import { MESSAGE_OCTETS } from "../bridge.ts"
import { didYouMean } from "../problem.ts"
import {
  DURATION,
  DURATION_MAX_MS,
  DURATION_OR_NONE,
  durationMs,
  listenAddress,
  SIZE,
  SIZE_OR_NONE,
  sizeOctets,
} from "./scalars.ts"

export const text = (error = "must be text that is not empty") => z.string({ error }).min(1, { error })
export const matching = (pattern: RegExp, error: string) => z.string({ error }).regex(pattern, { error })
export const oneOrMany = <Item extends z.ZodType>(item: Item, error: string) =>
  z.union([item, z.array(item)], { error })
export const count = (min = 1) => z.int().min(min)
const orNone = (number: z.ZodInt, min: number) =>
  z.union([number, z.literal("none")], { error: `must be a whole number from ${min}, or "none"` })
export const countOrNone = (min = 1) => orNone(count(min), min)

const isWritable = (duration: string) => !DURATION.test(duration) || durationMs(duration) <= DURATION_MAX_MS
export const durationOf = (pattern: RegExp, error: string) =>
  matching(pattern, error).refine(isWritable, { error })
export const duration = durationOf(DURATION, 'must be a time such as "30s", "5m" or "1h30m"')
export const durationOrNone = durationOf(DURATION_OR_NONE, 'must be a time such as "30s" or "5m", or "none"')
/** Not 0, where that would fail everything at once. */
const isSome = (duration: string) => !DURATION.test(duration) || durationMs(duration) > 0
export const someDuration = duration.refine(isSome, { error: "must be longer than 0" })
export const someDurationOrNone = durationOrNone.refine(isSome, { error: 'must be longer than 0, or "none"' })
const SIZE_ERROR = 'must be a size such as "64k", "1m" or a number of octets'
export const size = z.union([z.int().min(0), matching(SIZE, SIZE_ERROR)], { error: SIZE_ERROR })
export const MESSAGE_SIZE_ERROR = 'must be a size from 1k to 2g, such as "16m"'
export const isMessageSize = (input: number | string) => {
  const octets = sizeOctets(input)
  return octets >= MESSAGE_OCTETS.min && octets <= MESSAGE_OCTETS.max
}
const someSizeText = matching(SIZE_OR_NONE, `${SIZE_ERROR}, or "none"`).refine(
  (text) => !SIZE.test(text) || sizeOctets(text) > 0,
  { error: 'must be at least 1, or "none"' },
)
export const someSizeOrNone = z.union([z.int().min(1), someSizeText], { error: `${SIZE_ERROR}, or "none"` })

/** Text that `check` has nothing to say against. */
export function checked(error: string, check: (value: string) => boolean): z.ZodString {
  return z.string({ error }).refine(check, { error })
}

export const ADDRESS_ERROR = "must be an address: host:port, [v6]:port or unix:/path"
export const endpointAddress = checked(ADDRESS_ERROR, (value) => parseAddress(value, null) !== null)
export const LISTEN_ERROR = "must be a port, host:port, [v6]:port or unix:/path"
export const listenText = checked(LISTEN_ERROR, (value) => listenAddress(value) !== null)
export const listenPort = z.int({ error: LISTEN_ERROR }).min(0).max(65535)

/** Text with nginx's `$variables`. */
export const template = z.string().superRefine((value, context) => {
  // Each variable that is not known is told: `faults.ts` passes over those that the file makes.
  const told = new Set<string>()
  const isKnown = (name: string) => told.has(name) || isKnownVariable(name)
  for (
    let problem = checkTemplate(value, isKnown);
    problem !== null;
    problem = checkTemplate(value, isKnown)
  ) {
    const { message, offset, length } = problem
    const isUnknown = message.startsWith("unknown")
    const variable = value.slice(offset, offset + length).replace(/[${}]/g, "")
    const known = variableNames().map((one) => `$${one}`)
    const hint = isUnknown ? didYouMean(`$${variable}`, known) : null
    const params = { offset, length, hint, variable: isUnknown ? variable : null }
    context.addIssue({ code: "custom", message, params })
    if (!isUnknown) return
    told.add(variable)
  }
})

export const headerName = matching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, "must be a header name")
export const headerNames = z.array(headerName)

export const status = (min: number) => z.int().min(min).max(599)
const GRPC_STATUS_ERROR = "must be a gRPC status: its name, for instance UNAVAILABLE, or its number"
const grpcStatusNames = Object.keys(GrpcStatus) as (keyof typeof GrpcStatus)[]
export const grpcStatus = z.union([z.enum(grpcStatusNames), z.int().min(0).max(16)], {
  error: GRPC_STATUS_ERROR,
})
