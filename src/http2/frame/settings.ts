import { ErrorCode, type Fault, fault } from "../error-code.ts"
import { MAX_WINDOW } from "../window.ts"
import { DEFAULT_MAX_FRAME_OCTETS, readUint32 } from "./types.ts"

/** Identifiers: RFC 9113 §6.5.2, RFC 8441 §3, RFC 9218 §2.1. */
export const Setting = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
  ENABLE_CONNECT_PROTOCOL: 0x8,
  NO_RFC7540_PRIORITIES: 0x9,
} as const

/** What one end allows the other. Sizes in octets. */
export interface Settings {
  headerTableSize: number
  /** The least that the last SETTINGS frame with a HEADER_TABLE_SIZE said on its way: RFC 7541 §4.2. */
  headerTableSizeLeast: number
  enablePush: boolean
  maxConcurrentStreams: number
  initialWindowSize: number
  maxFrameSize: number
  maxHeaderListSize: number
}

/** In force until a SETTINGS frame says otherwise: RFC 9113 §6.5.2. */
export function initialSettings(): Settings {
  return {
    headerTableSize: 4096,
    headerTableSizeLeast: 4096,
    enablePush: true,
    maxConcurrentStreams: Number.POSITIVE_INFINITY,
    initialWindowSize: 65_535,
    maxFrameSize: DEFAULT_MAX_FRAME_OCTETS,
    maxHeaderListSize: Number.POSITIVE_INFINITY,
  }
}

/** Applies a SETTINGS payload in order. Unknown identifiers are ignored (§6.5.2). Null when all of it was in range. */
export function applySettings(
  settings: Settings,
  octets: Uint8Array,
  start: number,
  end: number,
  fromServer: boolean,
): Fault | null {
  settings.headerTableSizeLeast = Number.POSITIVE_INFINITY
  for (let at = start; at + 6 <= end; at += 6) {
    const id = (octets[at]! << 8) | octets[at + 1]!
    const value = readUint32(octets, at + 2)
    const problem = applySetting(settings, id, value, fromServer)
    if (problem !== null) return problem
  }
  return null
}

function applySetting(settings: Settings, id: number, value: number, fromServer: boolean): Fault | null {
  switch (id) {
    case Setting.HEADER_TABLE_SIZE:
      settings.headerTableSize = value
      settings.headerTableSizeLeast = Math.min(settings.headerTableSizeLeast, value)
      return null
    case Setting.ENABLE_PUSH:
      if (value > 1 || (fromServer && value === 1))
        return fault(ErrorCode.PROTOCOL_ERROR, `SETTINGS_ENABLE_PUSH is ${value}`)
      settings.enablePush = value === 1
      return null
    case Setting.MAX_CONCURRENT_STREAMS:
      settings.maxConcurrentStreams = value
      return null
    case Setting.INITIAL_WINDOW_SIZE:
      if (value > MAX_WINDOW)
        return fault(ErrorCode.FLOW_CONTROL_ERROR, `SETTINGS_INITIAL_WINDOW_SIZE is ${value}`)
      settings.initialWindowSize = value
      return null
    case Setting.MAX_FRAME_SIZE:
      if (value < DEFAULT_MAX_FRAME_OCTETS || value > 2 ** 24 - 1)
        return fault(ErrorCode.PROTOCOL_ERROR, `SETTINGS_MAX_FRAME_SIZE is ${value}`)
      settings.maxFrameSize = value
      return null
    case Setting.MAX_HEADER_LIST_SIZE:
      settings.maxHeaderListSize = value
      return null
    case Setting.ENABLE_CONNECT_PROTOCOL:
    case Setting.NO_RFC7540_PRIORITIES:
      return value > 1 ? fault(ErrorCode.PROTOCOL_ERROR, `setting 0x${id.toString(16)} is ${value}`) : null
    default:
      return null
  }
}
