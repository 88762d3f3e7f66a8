/** `access.jwt`: tokens that callers must show. */
import { z } from "zod"
import { defaults, says } from "../defaults-table.ts"
import { JWT_ALGORITHMS, type JwtConfig, type JwtKeysConfig } from "../jwt-model.ts"
import { duration, matching, text } from "./field-schemas.ts"
import { durationMs, durationText } from "./scalars.ts"

/** @param template text with variables */
export function jwtSchema(template: z.ZodType<string, string>) {
  const keys = z.union(
    [
      z.strictObject({ file: text() }),
      z.strictObject({
        url: matching(/^https?:\/\/[^/]/, 'must be an address such as "https://id.example/jwks.json"'),
        ca: text().optional().describe("File of trusted certificates."),
      }),
      z.strictObject({ request: template.describe("A path of this server that is asked.") }),
    ],
    { error: 'must be a map with "file", "url" or "request"' },
  )
  return z
    .strictObject({
      keys: z.array(keys).describe("Sets of JSON Web Keys (JWKS); all of them count."),
      realm: template.optional().describe(says("Told to clients that are refused.", defaults.jwt.realm)),
      token: template.optional().describe(says("The token.", defaults.jwt.token)),
      type: z.enum(["signed", "encrypted", "nested"]).optional().describe(says("", defaults.jwt.type)),
      keyCache: duration
        .optional()
        .describe(says("How long keys count as the present ones.", defaults.jwt.keyCache)),
      keyStale: duration
        .optional()
        .describe(
          says("How long the last good keys hold where others cannot be had.", defaults.jwt.keyStale),
        ),
      leeway: duration.optional().describe(says("How far clocks may be off.", defaults.jwt.leeway)),
      issuers: z.array(text()).optional().describe(says("iss must be one of them.", defaults.jwt.issuers)),
      audiences: z
        .array(text())
        .optional()
        .describe(says("aud must name one of them.", defaults.jwt.audiences)),
      algorithms: z
        .array(z.enum(JWT_ALGORITHMS))
        .optional()
        .describe(says("Of signatures.", defaults.jwt.algorithms)),
      require: z
        .array(
          z.strictObject({
            values: z.array(template).min(1),
            status: z.union([z.literal(401), z.literal(403)]).optional(),
          }),
        )
        .optional()
        .describe("None of the values may be empty or 0."),
      endStreams: z
        .boolean()
        .optional()
        .describe(says("Streams end when their token expires.", defaults.jwt.endStreams)),
    })
    .meta({ id: "Jwt" })
}

type Input = z.input<ReturnType<typeof jwtSchema>>
type Given = Partial<Record<keyof Input, unknown>>

export function readJwt(input: Input): JwtConfig {
  const { keyCache, keyStale, leeway, require = [], ...rest } = input
  return {
    realm: rest.realm ?? defaults.jwt.realm.value,
    token: rest.token ?? null,
    type: rest.type ?? defaults.jwt.type.value,
    keys: input.keys.map(readKeys),
    keyCacheMs: keyCache === undefined ? null : durationMs(keyCache),
    keyStaleMs: keyStale === undefined ? defaults.jwt.keyStale.value : durationMs(keyStale),
    leewayMs: leeway === undefined ? defaults.jwt.leeway.value : durationMs(leeway),
    issuers: rest.issuers ?? [],
    audiences: rest.audiences ?? [],
    algorithms: rest.algorithms ?? [],
    require: require.map(({ values, status = 401 }) => ({ values, status })),
    endStreams: rest.endStreams ?? defaults.jwt.endStreams.value,
  }
}

function readKeys(input: Input["keys"][number]): JwtKeysConfig {
  if ("file" in input) return { kind: "file", keysFile: input.file }
  if ("url" in input) return { kind: "url", url: input.url, caFile: input.ca ?? null }
  return { kind: "request", uri: input.request }
}

export function writeJwt(jwt: JwtConfig): Given {
  const { realm, token, type, keys, keyCacheMs, keyStaleMs, leewayMs, require, endStreams } = jwt
  const lists = { issuers: jwt.issuers, audiences: jwt.audiences, algorithms: jwt.algorithms }
  return {
    keys: keys.map(writeKeys),
    ...(realm !== defaults.jwt.realm.value && { realm }),
    ...(token !== null && { token }),
    ...(type !== defaults.jwt.type.value && { type }),
    ...(keyCacheMs !== null && { keyCache: durationText(keyCacheMs) }),
    ...(keyStaleMs !== defaults.jwt.keyStale.value && { keyStale: durationText(keyStaleMs) }),
    ...(leewayMs !== defaults.jwt.leeway.value && { leeway: durationText(leewayMs) }),
    ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)),
    ...(require.length > 0 && {
      require: require.map(({ values, status }) => ({ values, ...(status !== 401 && { status }) })),
    }),
    ...(endStreams && { endStreams }),
  }
}

function writeKeys(keys: JwtKeysConfig): object {
  if (keys.kind === "file") return { file: keys.keysFile }
  if (keys.kind === "request") return { request: keys.uri }
  return { url: keys.url, ...(keys.caFile !== null && { ca: keys.caFile }) }
}
