/** Sluice's own directives for browsers, which nginx does not have. */
import { MESSAGE_OCTETS, METHOD_PATH, ORIGIN_PATTERN } from "../../bridge.ts"
import { defaultBridge } from "../../defaults.ts"
import type { BridgeConfig } from "../../model.ts"
import type { Word } from "../ast.ts"
import { checkRegex } from "../regex.ts"
import type { Report } from "../report.ts"
import type { Scope } from "../scope.ts"
import { readOffset } from "../units.ts"
import { type Adapter, filePath } from "./adapter.ts"

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

export function adaptBridge(adapter: Adapter, scope: Scope): BridgeConfig {
  const { report } = adapter
  const words = (name: string): Word[] => scope.all(name).flatMap(({ args }) => args)
  const isOn = (name: string): boolean => words(name)[0]?.text.toLowerCase() === "on"
  /** Words that look as they must; the others are told of. */
  const matching = (name: string, pattern: RegExp, problem: string, hint: string): string[] =>
    words(name).flatMap((word) => {
      const { text, span } = word
      if (pattern.test(text))
        return !text.startsWith("~") || checkRegex(report, word, text.slice(1), name) ? [text] : []
      report.error(span, `"${text}" is no ${problem}`, hint)
      return []
    })
  const descriptorSet = words("grpc_descriptor_set")[0]
  return {
    ...defaultBridge(),
    grpcWeb: isOn("grpc_web"),
    connect: isOn("grpc_connect"),
    webSocket: isOn("grpc_websocket"),
    method:
      matching("grpc_method", METHOD_PATH, "gRPC method", "for instance /chat.Chat/BidStream")[0] ?? null,
    pathPrefix: matching("grpc_path_prefix", /^\/[!-~]*$/, "start of a path", "for instance /api")[0] ?? null,
    origins: matching(
      "grpc_allow_origin",
      ORIGIN_PATTERN,
      "origin",
      "for instance https://app.example, https://*.example, ~regex or *",
    ),
    descriptorSet: descriptorSet === undefined ? null : filePath(adapter, descriptorSet),
    metadataQuery: matching(
      "grpc_query_metadata",
      TOKEN,
      "header name",
      "query parameters are named as the header",
    ),
    metadataCookie: matching("grpc_cookie_metadata", TOKEN, "cookie name", "one cookie")[0] ?? null,
    messageOctetsMax: messageOctets(report, words("grpc_message_max_size")[0]),
  }
}

function messageOctets(report: Report, word: Word | undefined): number | null {
  if (word === undefined) return null
  const octets = readOffset(word.text)
  const { min, max } = MESSAGE_OCTETS
  if (octets !== null && octets >= min && octets <= max) return octets
  report.error(
    word.span,
    `"${word.text}" is no size of a message`,
    `from ${min} to ${max} octets, for instance 16m`,
  )
  return null
}
