/**
 * Where nginx's `hash KEY` and `ip_hash` put a key, so that a file moved here keeps every client where it was.
 * Source: nginx, ngx_http_upstream_hash_module.c and ngx_http_upstream_ip_hash_module.c.
 */
import { crc32 } from "node:zlib"
import type { Steps } from "../../base/steps.ts"
import { roomFor, sortByHash } from "./sort-by-hash.ts"

/** After so many servers that cannot be used nginx goes on round robin. */
const TRIES_MAX = 20

/** The servers of an upstream, in the file's order. */
export interface NginxServers {
  readonly weights: readonly number[]
  readonly totalWeight: number
  /** For each server, the weights up to and with it. */
  readonly sums: Float64Array
}

export function nginxServers(weights: readonly number[]): NginxServers {
  let totalWeight = 0
  const sums = new Float64Array(weights.length)
  for (const [at, weight] of weights.entries()) sums[at] = totalWeight += weight
  return { weights, totalWeight, sums }
}

/**
 * The server of `key`, or -1 when round robin has to choose: there is no key, one server only, or 20 could not be used.
 * As in Cache::Memcached: the sum of ((crc32([REHASH] KEY) >> 16) & 0x7fff).
 */
export function nginxHash(key: Buffer, servers: NginxServers, isUsable: (index: number) => boolean): number {
  if (key.length === 0 || servers.weights.length < 2) return -1
  let hash = 0
  for (let rehash = 0; rehash <= TRIES_MAX; rehash++) {
    const start = rehash === 0 ? 0 : crc32(String(rehash))
    hash += (crc32(key, start) >>> 16) & 0x7fff
    const index = firstAbove(servers.sums, hash % servers.totalWeight)
    if (isUsable(index)) return index
  }
  return -1
}

/** As `nginxHash`, for an address: the first 3 octets of IPv4, all 16 of IPv6. */
export function nginxIpHash(
  address: Uint8Array,
  servers: NginxServers,
  isUsable: (index: number) => boolean,
): number {
  const length = address.length === 4 ? 3 : address.length
  if (servers.weights.length < 2) return -1
  let hash = 89
  for (let tries = 0; tries <= TRIES_MAX; tries++) {
    for (let i = 0; i < length; i++) hash = (hash * 113 + address[i]!) % 6271
    const index = firstAbove(servers.sums, hash % servers.totalWeight)
    if (isUsable(index)) return index
  }
  return -1
}

/** The first place whose value is above `value`. */
function firstAbove(values: Float64Array, value: number): number {
  return lowerBound(values, value + 1)
}

const POINTS_PER_WEIGHT = 160

/**
 * The ring of `hash KEY consistent`: 160 points for each unit of weight.
 * As in Cache::Memcached::Fast: crc32(HOST "\0" PORT PREV_HASH).
 * Cost: O(log n) a pick; 8 octets a point.
 */
export class KetamaRing {
  readonly #hashes: Uint32Array
  readonly #servers: Uint32Array

  private constructor(hashes: Uint32Array, servers: Uint32Array) {
    this.#hashes = hashes
    this.#servers = servers
  }

  /** `names`: as the file writes the servers, port included. Those of one name, its addresses, are one server here. */
  static *make(names: readonly string[], weights: readonly number[]): Steps<KetamaRing> {
    const firstOf = new Map<string, number>()
    let most = 0
    for (const [index, name] of names.entries()) {
      if (firstOf.has(name)) continue
      firstOf.set(name, index)
      most += weights[index]! * POINTS_PER_WEIGHT
    }
    const { hashes, values: servers } = roomFor(most)
    let count = 0
    for (const [name, index] of firstOf) {
      const base = crc32(hostAndPort(name))
      let hash = 0
      for (let i = weights[index]! * POINTS_PER_WEIGHT; i > 0; i--) {
        hash = crc32OfWord(hash, base)
        hashes[count] = hash
        servers[count++] = index
        if (count % POINTS_PER_STEP === 0) yield
      }
    }
    const sorted = yield* sortByHash({
      hashes: hashes.subarray(0, count),
      values: servers.subarray(0, count),
    })
    // Of one hash the first counts.
    let kept = 0
    for (let at = 0; at < count; at++) {
      if (at % POINTS_PER_STEP === 0) yield
      const hash = sorted.hashes[at]!
      if (kept > 0 && sorted.hashes[kept - 1] === hash) continue
      sorted.hashes[kept] = hash
      sorted.values[kept++] = sorted.values[at]!
    }
    return new KetamaRing(sorted.hashes.subarray(0, kept), sorted.values.subarray(0, kept))
  }

  /** As `nginxHash`; `indexOf` chooses among the addresses of a server, -1 when none can be used. */
  pick(key: Buffer, indexOf: (server: number) => number): number {
    const points = this.#hashes.length
    if (key.length === 0 || points === 0) return -1
    let at = lowerBound(this.#hashes, crc32(key))
    for (let tries = 0; tries <= TRIES_MAX; tries++, at++) {
      const index = indexOf(this.#servers[at % points]!)
      if (index >= 0) return index
    }
    return -1
  }
}

const CRC32_TABLE = Uint32Array.from({ length: 256 }, (_, octet) => {
  let sum = octet
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? 0xedb8_8320 ^ (sum >>> 1) : sum >>> 1
  return sum
})

/** The CRC-32 that goes on from `base` over the four octets of `word`, the lowest first: a call of zlib's costs 30 times as much. */
function crc32OfWord(word: number, base: number): number {
  let sum = ~base
  for (let shift = 0; shift < 32; shift += 8) sum = CRC32_TABLE[(sum ^ (word >>> shift)) & 255]! ^ (sum >>> 8)
  return ~sum >>> 0
}

/** So many are looked at in one step. */
const POINTS_PER_STEP = 512

/** The first place whose value is at least `value`; the length when there is none. */
function lowerBound(values: Uint32Array | Float64Array, value: number): number {
  let from = 0
  let to = values.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (values[middle]! < value) from = middle + 1
    else to = middle
  }
  return from
}

/** nginx's idea of it: the port is what stands in digits behind the last colon. */
function hostAndPort(name: string): Buffer {
  if (/^unix:/i.test(name)) return Buffer.from(`${name.slice("unix:".length)}\0`)
  const [, host, port] = /^(.*):(\d*)$/s.exec(name) ?? [null, name, ""]
  return Buffer.from(`${host}\0${port}`)
}
