/** Changes of one file that no test can see, for one reason. */
export interface Equivalents {
  /** Relative to `src`. */
  readonly file: string
  readonly why: string
  /** By a piece of the line: what changes and what it becomes, as the report prints it; `*`: whatever is changed there. */
  readonly at: Readonly<Record<string, readonly string[] | "*">>
}

/*
 * Reviewed by hand, by what cannot be seen and why. A line is named by a piece of it that no other line of the file has;
 * changes as the report prints them. That something is hard to test is no reason to stand here.
 */

const AT_LEAST_NOTHING = "to do it for nothing, or to none, does nothing"
const NOT_READ_YET = "set before it is read for the first time"
const POOL = "how many are kept for reuse, or that they are: no octet differs"
const OWN_GUARD = "what is called looks itself"
const PAST_THE_END = "one past the end is undefined, which equals nothing that is looked for"
const SHORT_CUT = "a short cut to what the code below it comes to as well"
const ROOM = "how much room is made, not what is put into it"
const HASH = "another hash as good as this: a collision costs a comparison, no more"
const MEMORY = "what is held for longer is looked at by nobody"

export const equivalents: readonly Equivalents[] = [
  {
    file: "http2/buffer-budget.ts",
    why: AT_LEAST_NOTHING,
    at: {
      "else if (this.#withheld.size > 0 &&": [
        "this.#withheld.size > 0 → true",
        "this.#withheld.size > 0 → (this.#withheld.size) >= (0)",
      ],
      "if (this.#withheld.size > 0) this.#withheld.delete": [
        "this.#withheld.size > 0 → true",
        "this.#withheld.size > 0 → (this.#withheld.size) >= (0)",
      ],
    },
  },
  {
    file: "http2/closed-streams.ts",
    why: "a ring may begin anywhere",
    at: { "#next = 0": ["0 → 1"] },
  },
  {
    file: "http2/connection.ts",
    why: OWN_GUARD,
    at: {
      "this.#receiver.receive(octets, start, end, nowMs)": ["!this.#isClosed → true"],
      "if (!this.#isClosed) this.sender.flushWaiting()": ["!this.#isClosed → true"],
      "if (this.#isClosed || this.#isDraining) return": ["this.#isClosed → false"],
      "!this.#isDrainPinged && !this.#isClosed)": ["!this.#isClosed → true"],
    },
  },
  {
    file: "http2/frame-reader.ts",
    why: ROOM,
    at: {
      "const needed = end - start >= FRAME_HEAD_OCTETS": [
        "end - start >= FRAME_HEAD_OCTETS → true",
        "end - start >= FRAME_HEAD_OCTETS → (end - start) > (FRAME_HEAD_OCTETS)",
        "end - start → (end) + (start)",
      ],
    },
  },
  {
    file: "http2/frame-reader.ts",
    why: POOL,
    at: {
      "recycle(smaller)": ["left out: recycle(smaller)"],
      "const POOLED = 64": ["64 → 65"],
      "from.length < POOLED": [
        "from.length < POOLED → true",
        "from.length < POOLED → (from.length) <= (POOLED)",
      ],
    },
  },
  {
    file: "http2/frame-reader.ts",
    why: "what is held is told by `#held` alone",
    at: { "    this.#partial = null": ["left out: this.#partial = null"] },
  },
  {
    file: "http2/frame-reader.ts",
    why: AT_LEAST_NOTHING,
    at: { "if (part <= 0) return start": ["part <= 0 → (part) < (0)"] },
  },
  {
    file: "http2/frame-reader.ts",
    why: "a frame that none follows stays as it is",
    at: {
      "isFollowed(octets, at, next, end) ? this.#join": ["isFollowed(octets, at, next, end) → true"],
      "rest === next ? next": ["rest === next → false"],
    },
  },
  {
    file: "http2/frame-reader.ts",
    why: "any negative number but that of STOPPED will do",
    at: { "const TOO_LONG = -2": ["2 → 3"] },
  },
  {
    file: "http2/frame/settings.ts",
    why: "identifiers of 256 and more are unknown, whatever they come to",
    at: { "const id = (octets[at]! << 8)": ["8 → 9"] },
  },
  {
    file: "http2/frame/settings.ts",
    why: "8 and 9 are written alike",
    at: { "`setting 0x${id.toString(16)}": ["16 → 17"] },
  },
  {
    file: "http2/guard.ts",
    why: "the first PING is never too soon, since there was none before it",
    at: { "  #workSincePing = true": ["true → false"] },
  },
  {
    file: "http2/guard.ts",
    why: SHORT_CUT,
    at: {
      "if (this.#overheadOctets <= overheadOctetsMax) return null": [
        "this.#overheadOctets <= overheadOctetsMax → false",
        "this.#overheadOctets <= overheadOctetsMax → (this.#overheadOctets) < (overheadOctetsMax)",
      ],
    },
  },
  {
    file: "http2/header-block.ts",
    why: NOT_READ_YET,
    at: {
      "  endStream = false": ["false → true"],
      "  sinceMs = 0": ["0 → 1"],
      "  #frames = 0": ["0 → 1"],
    },
  },
  {
    file: "http2/header-block.ts",
    why: AT_LEAST_NOTHING,
    at: { "if (more !== 0) this.#budget.add(more)": ["more !== 0 → true"] },
  },
  {
    file: "http2/header-block.ts",
    why: "one piece alone need not be copied",
    at: { "const whole = this.#pieces.length === 1": ["this.#pieces.length === 1 → false", "1 → 0"] },
  },
  {
    file: "http2/header-list.ts",
    why: PAST_THE_END,
    at: { "if (fields[i] === name) return fields[i + 1]": ["i < fields.length → (i) <= (fields.length)"] },
  },
  {
    file: "http2/hpack/block-memory.ts",
    why: HASH,
    at: {
      "for (; i + 3 < end; i += 4) {": ["i + 3 < end → false", "i + 3 < end → (i + 3) <= (end)", "3 → 4"],
      "const word = source[i]! |": ["8 → 9"],
      "hash ^= hash >>> 15": ["15 → 16"],
      "for (; i < end; i++) hash = Math.imul": ["i < end → (i) <= (end)", "0x9e3779b1 → 2654435762"],
      "return (hash ^ (hash >>> 13))": ["hash >>> 13 → (hash) << (13)", "13 → 14"],
    },
  },
  {
    file: "http2/hpack/block-memory.ts",
    why: "without a map there is room, whether for 32 or for 31",
    at: { "return (this.#byKey?.size ?? 0) < MAX_BLOCKS": ["0 → 1"] },
  },
  {
    file: "http2/copy-octets.ts",
    why: "both ways copy the same octets",
    at: {
      "if (end - start > FEW_OCTETS)": [
        "end - start > FEW_OCTETS → true",
        "end - start > FEW_OCTETS → false",
        "end - start > FEW_OCTETS → (end - start) >= (FEW_OCTETS)",
      ],
      "const FEW_OCTETS": ["24 → 25"],
    },
  },
  {
    file: "http2/hpack/decoder.ts",
    why: NOT_READ_YET,
    at: {
      "const NO_LIMITS: DecodeLimits": ["0 → 1"],
      "  #position = 0": ["0 → 1"],
      "  #strings = 0": ["0 → 1"],
      "  #octets = 0": ["0 → 1"],
      "  #tableChanged = false": ["false → true"],
    },
  },
  {
    file: "http2/hpack/decoder.ts",
    why: "no name that matters is of 13 octets, nor is 1 ever a size that stands for none",
    at: { "const LATE_NAME_OCTETS = 12": ["12 → 13"] },
  },
  {
    file: "http2/hpack/decoder.ts",
    why: "the memory does not take what is too long, and gives it back to nobody",
    at: {
      "this.#requiredUpdate === NONE && end - start <= MAX_BLOCK_OCTETS": [
        "end - start <= MAX_BLOCK_OCTETS → true",
      ],
      "else if (key !== NONE && !this.overflowed)": ["key !== NONE → true"],
    },
  },
  {
    file: "http2/hpack/decoder.ts",
    why: "a row of indexed fields is read by the quick loop or one by one, with the same result",
    at: {
      "this.#readIndexedRun(block, end)": [
        "block[this.#position]! > 0x80 && !this.overflowed → false",
        "block[this.#position]! > 0x80 → true",
        "block[this.#position]! > 0x80 → (block[this.#position]!) >= (0x80)",
        "0x80 → 129",
      ],
      "const past = Math.min(0xff,": [
        "0x80 + STATIC_LENGTH + 1 + table.length → (0x80 + STATIC_LENGTH + 1) - (table.length)",
        "0x80 + STATIC_LENGTH + 1 → (0x80 + STATIC_LENGTH) - (1)",
        "0x80 + STATIC_LENGTH → (0x80) - (STATIC_LENGTH)",
        "1 → 0",
      ],
      "const maxStrings = this.#limits.maxFields * 2": [
        "this.#limits.maxFields * 2 → (this.#limits.maxFields) / (2)",
      ],
      "for (; position < end && count < maxStrings": ["position < end && count < maxStrings → false"],
      "if (octet <= 0x80 || octet >= past) break": ["octet <= 0x80 || octet >= past → true", "0x80 → 129"],
      "if (sum > maxOctets) break": ["sum > maxOctets → true", "sum > maxOctets → (sum) >= (maxOctets)"],
    },
  },
  {
    file: "http2/hpack/decoder.ts",
    why: "past the end of the block there is nothing, which is neither a size update nor Huffman code",
    at: {
      "while (this.#position < end && isSizeUpdate(block[this.#position]!)": [
        "this.#position < end → (this.#position) <= (end)",
        "this.#position < end → true",
      ],
      "const isHuffman = this.#position < end": [
        "this.#position < end → true",
        "this.#position < end → (this.#position) <= (end)",
      ],
    },
  },
  {
    file: "http2/hpack/decoder.ts",
    why: "an empty string is the same in Huffman code and without",
    at: {
      "const isHuffman = this.#position < end": [
        "block[this.#position]! >= 0x80 → (block[this.#position]!) > (0x80)",
        "0x80 → 129",
      ],
    },
  },
  {
    file: "http2/hpack/decoder.ts",
    why: "a string that is made though it has no room is counted as too large when it is added",
    at: {
      "const listRoom = this.overflowed ? NONE": [
        "this.overflowed → false",
        "this.#limits.maxOctets - this.#octets - ENTRY_OVERHEAD_OCTETS → (this.#limits.maxOctets - this.#octets) + (ENTRY_OVERHEAD_OCTETS)",
        "this.#limits.maxOctets - this.#octets → (this.#limits.maxOctets) + (this.#octets)",
      ],
      "const tableRoom = indexed": [
        "this.#table.maxOctets - ENTRY_OVERHEAD_OCTETS → (this.#table.maxOctets) + (ENTRY_OVERHEAD_OCTETS)",
      ],
      "const isLate = name !== undefined": [
        "name !== undefined && LATE.has(name) → true",
        "name !== undefined → true",
        "LATE.has(name) → true",
      ],
      "const lateRoom = isLate": ["isLate → true"],
      "const valueRoom = name === undefined": ["room - name.length → (room) + (name.length)"],
      "if (name === undefined || value === undefined) {": ["name === undefined → false"],
      "return length > most ? undefined : latin1(target": ["length > most → false"],
    },
  },
  {
    file: "http2/hpack/decoder.ts",
    why: "how much work is spared where a string is too long in any case",
    at: {
      "const LONG_CODE_OCTETS = 16_384": ["16_384 → 16385"],
      "if (octets > LONG_CODE_OCTETS && octets * 8 - 7": [
        "octets > LONG_CODE_OCTETS && octets * 8 - 7 > 30 * (most + 1) → false",
        "octets > LONG_CODE_OCTETS → (octets) >= (LONG_CODE_OCTETS)",
        "octets * 8 - 7 > 30 * (most + 1) → (octets * 8 - 7) >= (30 * (most + 1))",
        "octets * 8 - 7 → (octets * 8) + (7)",
        "octets * 8 → (octets) / (8)",
        "7 → 8",
        "30 → 31",
        "1 → 0",
      ],
    },
  },
  {
    file: "http2/hpack/decoder.ts",
    why: "an indexed field after the limit is told only by names that the static table has lower down",
    at: {
      "return index <= STATIC_LENGTH ? STATIC_VALUES": ["index <= STATIC_LENGTH → (index) < (STATIC_LENGTH)"],
    },
  },
  {
    file: "http2/hpack/decoder.ts",
    why: PAST_THE_END,
    at: {
      "for (let i = 0; i < this.late.length; i += 2)": ["i < this.late.length → (i) <= (this.late.length)"],
    },
  },
  {
    file: "http2/hpack/decoder.ts",
    why: "an integer that was read is never 0 as it is handed back: the octets read are in it",
    at: { "    if (read < 0) {": ["read < 0 → (read) <= (0)", "0 → 1"] },
  },
  {
    file: "http2/hpack/decoder.ts",
    why: "what is not taken from the memory is decoded, with the same result",
    at: {
      "return list.octets <= limits.maxOctets &&": [
        "list.octets <= limits.maxOctets → (list.octets) < (limits.maxOctets)",
        "list.fields.length <= limits.maxFields * 2 → (list.fields.length) < (limits.maxFields * 2)",
        "limits.maxFields * 2 → (limits.maxFields) / (2)",
      ],
    },
  },
  {
    file: "http2/hpack/decoder.ts",
    why: ROOM,
    at: {
      "let scratch = new Uint8Array(8192)": ["8192 → 8193"],
      "const MAX_KEPT_SCRATCH_OCTETS = 1 << 18": ["1 << 18 → (1) >> (18)", "1 → 0", "18 → 19"],
      "if (octets <= scratch.length) return scratch": [
        "octets <= scratch.length → false",
        "octets <= scratch.length → (octets) < (scratch.length)",
      ],
      "if (octets > MAX_KEPT_SCRATCH_OCTETS) return new": [
        "octets > MAX_KEPT_SCRATCH_OCTETS → true",
        "octets > MAX_KEPT_SCRATCH_OCTETS → false",
        "octets > MAX_KEPT_SCRATCH_OCTETS → (octets) >= (MAX_KEPT_SCRATCH_OCTETS)",
      ],
    },
  },
  {
    file: "http2/hpack/dynamic-table.ts",
    why: "sequence numbers may begin anywhere, and no entry is of a single octet",
    at: {
      "protected nextSequence = 0": ["0 → 1"],
      "this.#evictTo(Math.max(0, this.maxOctets - octets))": ["0 → 1"],
      "    this.#evictTo(0)": ["0 → 1"],
    },
  },
  {
    file: "http2/hpack/dynamic-table.ts",
    why: MEMORY,
    at: {
      'ring[at] = ""': ['left out: ring[at] = ""'],
      'ring[at + 1] = ""': ['left out: ring[at + 1] = ""', "1 → 0"],
    },
  },
  {
    file: "http2/hpack/dynamic-table.ts",
    why: ROOM,
    at: {
      "if (this.length > this.mask) this.grow()": ["this.length > this.mask → (this.length) >= (this.mask)"],
      "const ring = new Array<string>(2 * capacity)": ["2 → 3"],
      "for (let sequence = this.nextSequence - this.length": [
        "sequence < this.nextSequence → (sequence) <= (this.nextSequence)",
      ],
    },
  },
  {
    file: "http2/hpack/encoder.ts",
    why: NOT_READ_YET,
    at: { "  #tableChanged = false": ["false → true"] },
  },
  {
    file: "http2/hpack/encoder.ts",
    why: ROOM,
    at: {
      "let scratch: Buffer = Buffer.allocUnsafeSlow(8192)": ["8192 → 8193"],
      "const MAX_KEPT_SCRATCH_OCTETS = 1 << 18": ["1 << 18 → (1) >> (18)", "1 → 0", "18 → 19"],
      "const target = scratchFor(list.octets + 32)": ["32 → 33"],
      "if (octets <= scratch.length) return scratch": [
        "octets <= scratch.length → false",
        "octets <= scratch.length → (octets) < (scratch.length)",
      ],
      "if (octets > MAX_KEPT_SCRATCH_OCTETS) return Buffer": [
        "octets > MAX_KEPT_SCRATCH_OCTETS → true",
        "octets > MAX_KEPT_SCRATCH_OCTETS → false",
        "octets > MAX_KEPT_SCRATCH_OCTETS → (octets) >= (MAX_KEPT_SCRATCH_OCTETS)",
      ],
    },
  },
  {
    file: "http2/hpack/encoder.ts",
    why: "a view of the same octets, made anew or kept; no block of so few octets has a list that large",
    at: {
      "const MAX_VIEWS = 512": ["512 → 513"],
      "if (octets >= MAX_VIEWS || target !== scratch)": [
        "octets >= MAX_VIEWS || target !== scratch → true",
        "octets >= MAX_VIEWS || target !== scratch → false",
        "octets >= MAX_VIEWS → false",
        "octets >= MAX_VIEWS → (octets) > (MAX_VIEWS)",
        "target !== scratch → false",
      ],
      "return (views[octets] ??= target.subarray(0, octets))": [
        "views[octets] ??= target.subarray(0, octets) → views[octets] = target.subarray(0, octets)",
      ],
    },
  },
  {
    file: "http2/hpack/encoder.ts",
    why: "undefined counts as false",
    at: {
      "const never = neverIndexed?.has(i >>> 1) ?? false": [
        "neverIndexed?.has(i >>> 1) ?? false → neverIndexed?.has(i >>> 1)",
      ],
    },
  },
  {
    file: "http2/hpack/encoder.ts",
    why: "indices of the dynamic table begin at 62, and those of the static one take an octet under either mask",
    at: {
      "if (found > 0 && !never) return writeInteger": ["0 → 1"],
      "if (values[i] === value) return writeInteger": ["0x7f → 128"],
    },
  },
  {
    file: "http2/hpack/encoder.ts",
    why: PAST_THE_END,
    at: {
      "for (let i = 0; i < values.length && !never; i++)": ["i < values.length → (i) <= (values.length)"],
    },
  },
  {
    file: "http2/hpack/encoder.ts",
    why: "Huffman code never ends at position 0: its length stands before it",
    at: { "  if (end < 0) {": ["end < 0 → (end) <= (0)", "0 → 1"] },
  },
  {
    file: "http2/hpack/encoder.ts",
    why: "how long the length is does not depend on the bits above it; to move octets to where they are does nothing",
    at: {
      "const lengthOctets = writeInteger(target, end, 0x80": ["0x80 → 129"],
      "if (lengthOctets > 1) target.copyWithin": [
        "lengthOctets > 1 → true",
        "lengthOctets > 1 → (lengthOctets) >= (1)",
        "1 → 0",
      ],
    },
  },
  {
    file: "http2/hpack/huffman.ts",
    why: ROOM,
    at: {
      "const CODES = new Uint32Array(257)": ["257 → 258"],
      "const WINDOW_LIMITS = new Float64Array(LONGEST_BITS + 1)": ["1 → 0"],
    },
  },
  {
    file: "http2/hpack/huffman.ts",
    why: "there are no codes of 0 bits, and what is written past a run of windows is written over by the next",
    at: {
      "for (let bits = 1; bits <= LONGEST_BITS; bits++) {": ["1 → 0"],
      "for (let rest = 0; rest < 1 << restBits; rest++) {": [
        "rest < 1 << restBits → (rest) <= (1 << restBits)",
      ],
    },
  },
  {
    file: "http2/hpack/huffman.ts",
    why: "two symbols are found by one look, or one by one",
    at: {
      "if (bits > LOOKUP_BITS) continue": [
        "bits > LOOKUP_BITS → true",
        "bits > LOOKUP_BITS → (bits) >= (LOOKUP_BITS)",
      ],
      "for (let rest = 0; rest < 1 << (LOOKUP_BITS - bits); rest++) {": [
        "0 → 1",
        "rest < 1 << (LOOKUP_BITS - bits) → false",
        "1 << (LOOKUP_BITS - bits) → (1) >> (LOOKUP_BITS - bits)",
        "1 → 0",
      ],
      "LOOKUP[(pair << (LOOKUP_BITS - bits)) | rest] =": [
        "left out: LOOKUP[(pair << (LOOKUP_BITS - bits)) | rest] = (1 << 24) | (bits << 20) | (firstBits << 16) | (second << 8) | first",
      ],
    },
  },
  {
    file: "http2/hpack/huffman.ts",
    why: "bits above those that are pending are stale; with just twelve a look is as good now as after reading more",
    at: {
      "  let bits = 0": ["0 → 1"],
      "    if (pending < LOOKUP_BITS) {": ["pending < LOOKUP_BITS → (pending) <= (LOOKUP_BITS)"],
      "      if (pending < LOOKUP_BITS) break": ["pending < LOOKUP_BITS → (pending) <= (LOOKUP_BITS)"],
    },
  },
  {
    file: "http2/hpack/huffman.ts",
    why: "no entry of two symbols is just 2^24: it has bits of both",
    at: { "if (entry >= 1 << 24) target[written++]": ["entry >= 1 << 24 → (entry) > (1 << 24)"] },
  },
  {
    file: "http2/hpack/huffman.ts",
    why: "a code that is longer than what is left is no padding of ones, and is refused as such",
    at: {
      "while (pending > 0) {": ["pending > 0 → (pending) >= (0)", "0 → 1"],
      "if (entry === 0 || firstBits > pending) break": ["firstBits > pending → false"],
    },
  },
  {
    file: "http2/hpack/huffman.ts",
    why: "a symbol that needs what lies past the end is refused below, whatever is read there",
    at: {
      "window = (window << 8) | (i < end ? source[i]! : 0xff)": ["i < end → true", "i < end → (i) <= (end)"],
      "const last = first + 4 < end ? source[first + 4]! : 0xff": [
        "first + 4 < end → true",
        "first + 4 < end → (first + 4) <= (end)",
      ],
      "let window = 0": ["0 → 1"],
    },
  },
  {
    file: "http2/hpack/huffman.ts",
    why: "codes of twelve bits and less never come here",
    at: { "let length = LOOKUP_BITS + 1": ["LOOKUP_BITS + 1 → (LOOKUP_BITS) - (1)", "1 → 0"] },
  },
  {
    file: "http2/hpack/huffman.ts",
    why: "whether bits go out now or with the next ones: there is room for them",
    at: {
      "if (length > 15) {": ["length > 15 → (length) >= (15)", "15 → 16"],
      "while (pending >= 8) target[position++]": ["pending >= 8 → (pending) > (8)"],
      "if (pending >= 16) {": ["pending >= 16 → (pending) > (16)", "16 → 17"],
      "if (position > limit) return -1": ["position > limit → false"],
    },
  },
  {
    file: "http2/hpack/latin1.ts",
    why: "the same string by the native call or without",
    at: {
      "if (octets > 12) return slice.call": ["octets > 12 → true", "octets > 12 → (octets) >= (12)"],
      "if (octets > 8) return eight": ["octets > 8 → (octets) >= (8)"],
    },
  },
  {
    file: "http2/hpack/searchable-table.ts",
    why: "below the oldest entry any number ends the search, and so does none",
    at: {
      "this.#newest.get(name) ?? -1": ["this.#newest.get(name) ?? -1 → this.#newest.get(name)"],
      "const older = new Array<number>(this.mask + 1).fill(-1)": [
        "this.mask + 1 → (this.mask) - (1)",
        "1 → 0",
        "-1 → 1",
      ],
      "for (let sequence = this.nextSequence - this.length": [
        "sequence < this.nextSequence → (sequence) <= (this.nextSequence)",
      ],
    },
  },
  {
    file: "http2/hpack/searchable-table.ts",
    why: NOT_READ_YET,
    at: { "  valuesSeen = 0": ["0 → 1"] },
  },
  {
    file: "http2/id-map.ts",
    why: "how large the map is, and where in it an id is at home: all are found as long as there is a free place",
    at: {
      "if ((this.#size + 1) * 2 > this.#mask) this.#resize": [
        "(this.#size + 1) * 2 > this.#mask → ((this.#size + 1) * 2) >= (this.#mask)",
        "this.#size + 1 → (this.#size) - (1)",
      ],
      "const LARGE = 256": ["256 → 257"],
      "if (mask >= LARGE && this.#size * 16 < mask) this.#resize": [
        "mask >= LARGE && this.#size * 16 < mask → false",
        "mask >= LARGE → (mask) > (LARGE)",
        "this.#size * 16 < mask → true",
        "this.#size * 16 < mask → (this.#size * 16) <= (mask)",
        "this.#size * 16 → (this.#size) / (16)",
        "16 → 17",
      ],
    },
  },
  {
    file: "http2/message-head.ts",
    why: "strings hold no character past 255; past the end there is none",
    at: {
      "const nameOctet = new Uint8Array(256)": ["256 → 257"],
      "for (let i = 0; i < length; i++) {": ["i < length → (i) <= (length)"],
      "for (let i = 0; i < path.length; i++) {": ["i < path.length → (i) <= (path.length)"],
      "if (fields[i] === name) count++": ["i < fields.length → (i) <= (fields.length)"],
    },
  },
  {
    file: "http2/message-head.ts",
    why: "an empty value has neither edges nor octets; a path's first octet was looked at just before",
    at: {
      "if (length === 0) return null": ["length === 0 → false"],
      "for (let i = 0; i < path.length; i++) {": ["0 → 1"],
    },
  },
  {
    file: "http2/message-head.ts",
    why: "0, 10 and 13 are written alike",
    at: { "return `the value of ${name} has octet": ["16 → 17"] },
  },
  {
    file: "http2/message-head.ts",
    why: NOT_READ_YET,
    at: { "let hasExpect = false": ["false → true"] },
  },
  {
    file: "http2/message-head.ts",
    why: "what needs no mending is mended to the same, and is then read to the same",
    at: {
      'if (typeof head !== "string") return head': ['typeof head !== "string" → false'],
      "return tidy === list ? head : readRequest(tidy, hostProblem)": ["tidy === list → false"],
      "return tidy === list ? head : readResponse(tidy)": ["tidy === list → false"],
      "if (tidy === list) return result": ["tidy === list → false"],
    },
  },
  {
    file: "http2/message-head.ts",
    why: SHORT_CUT,
    at: {
      'if (scheme !== "http" && scheme !== "https" &&': [
        'scheme !== "http" → true',
        'scheme !== "https" → true',
      ],
      'if (host !== undefined && countOf(fields, "host") > 1)': ["host !== undefined → true"],
    },
  },
  {
    file: "http2/message-head.ts",
    why: "any number below 100 is no status",
    at: { "const status = text.length === 3": ["-1 → 1", "1 → 0"] },
  },
  {
    file: "http2/message-receiver.ts",
    why: "what has been done about it where it was found leaves nothing to be done here",
    at: {
      "if (!stream.headReceived && endStream && known.get": ["!stream.headReceived → true"],
      "    return problem": ["problem → null"],
    },
  },
  {
    file: "http2/octet-queue.ts",
    why: POOL,
    at: {
      "const QUEUES_POOLED = 256": ["256 → 257"],
      "if (queuePool.length < QUEUES_POOLED) queuePool.push": [
        "queuePool.length < QUEUES_POOLED → true",
        "queuePool.length < QUEUES_POOLED → (queuePool.length) <= (QUEUES_POOLED)",
      ],
      "size === small.length ? small": ["size === small.length → false"],
    },
  },
  {
    file: "http2/octet-queue.ts",
    why: "set when the first segment comes",
    at: { "  #end = 0": ["0 → 1"] },
  },
  {
    file: "http2/octet-queue.ts",
    why: "all but the last segment are of one length",
    at: { "return (this.#segments.length === 1 ? this.#end": ["0 → 1"] },
  },
  {
    file: "http2/octet-queue.ts",
    why: "a small room is filled up first, or moved first: the octets come to the same room",
    at: {
      "if (last.length === SEGMENT_OCTETS || this.#end + wanted": [
        "last.length === SEGMENT_OCTETS || this.#end + wanted <= last.length → true",
        "this.#end + wanted <= last.length → false",
        "this.#end + wanted <= last.length → (this.#end + wanted) < (last.length)",
        "this.#end + wanted → (this.#end) - (wanted)",
      ],
    },
  },
  {
    file: "http2/output.ts",
    why: POOL,
    at: {
      "const POOLED_SMALL = 512": ["512 → 513"],
      "const POOLED_LARGE = 64": ["64 → 65"],
      "if (smallPool.length < POOLED_SMALL)": [
        "smallPool.length < POOLED_SMALL → true",
        "smallPool.length < POOLED_SMALL → (smallPool.length) <= (POOLED_SMALL)",
      ],
      "largePool.length < POOLED_LARGE) largePool.push": [
        "largePool.length < POOLED_LARGE → true",
        "largePool.length < POOLED_LARGE → (largePool.length) <= (POOLED_LARGE)",
      ],
    },
  },
  {
    file: "http2/output.ts",
    why: "a chunk is made only when an octet goes into it",
    at: {
      "if (this.#at > 0) chunks.push": ["this.#at > 0 → true", "this.#at > 0 → (this.#at) >= (0)"],
      "else recycleChunk(this.#chunk)": ["left out: recycleChunk(this.#chunk)"],
    },
  },
  {
    file: "http2/output.ts",
    why: NOT_READ_YET,
    at: {
      "#lastTaken = 0": ["0 → 1"],
      "#dataStream = 0": ["0 → 1"],
      "#dataAt = 0": ["0 → 1"],
    },
  },
  {
    file: "http2/receiver.ts",
    why: "only whether it has changed is looked at",
    at: { "  #frames = 0": ["0 → 1"], "this.#frames++": ["this.#frames++ → this.#frames--"] },
  },
  {
    file: "http2/receiver.ts",
    why: "nothing is left of the octets, or the connection is over: to read on reads nothing",
    at: {
      "if (this.#prefaceLeft > 0) {": [
        "this.#prefaceLeft > 0 → true",
        "this.#prefaceLeft > 0 → (this.#prefaceLeft) >= (0)",
      ],
      "    return -1": ["-1 → 1", "1 → 0"],
      "return this.#prefaceLeft > 0 ? -1": ["this.#prefaceLeft > 0 → false", "0 → 1"],
      "if (!this.#connection.isClosed) this.#sender.useCredit()": ["!this.#connection.isClosed → true"],
      "if (this.#connection.isClosed) return false": ["false → true"],
      "return !this.#connection.isClosed": ["!this.#connection.isClosed → true"],
    },
  },
  {
    file: "http2/receiver.ts",
    why: AT_LEAST_NOTHING,
    at: {
      "if (padding > 0) flooded ??= this.#guard.overhead": [
        "padding > 0 → true",
        "padding > 0 → (padding) >= (0)",
      ],
      "if (padding > 0 && !endStream) this.#streams.consume": [
        "padding > 0 → true",
        "padding > 0 → (padding) >= (0)",
      ],
      "if (peer.initialWindowSize !== windowBefore) {": ["peer.initialWindowSize !== windowBefore → true"],
    },
  },
  {
    file: "http2/receiver.ts",
    why: "a block that is open was found to be interrupted before, and a stream that is open is not idle",
    at: {
      "if (!block.isOpen || id === 0)": ["id === 0 → false"],
      "if (id !== 0 && stream === undefined && this.#table.isIdle(id))": ["stream === undefined → true"],
    },
  },
  {
    file: "http2/sender.ts",
    why: NOT_READ_YET,
    at: { "  #turnOctets = 0": ["0 → 1"], "  #isCredited = false": ["false → true"] },
  },
  {
    file: "http2/sender.ts",
    why: AT_LEAST_NOTHING,
    at: {
      "if (this.isCongested) this.#countOverflow()": ["this.isCongested → true"],
      "if (stream.queue === null || stream.sendWindow <= 0) return": [
        "stream.sendWindow <= 0 → false",
        "stream.sendWindow <= 0 → (stream.sendWindow) < (0)",
      ],
      "if (!this.#isCredited) return": ["!this.#isCredited → false"],
      "this.#isCredited = false": ["left out: this.#isCredited = false", "false → true"],
      "if (this.overflowOctets > 0) this.#countOverflow()": [
        "this.overflowOctets > 0 → true",
        "this.overflowOctets > 0 → (this.overflowOctets) >= (0)",
      ],
      "if (more !== 0) this.#holds(more)": ["more !== 0 → true"],
    },
  },
  {
    file: "http2/sender.ts",
    why: "what fits just goes out by way of its queue, in the same frame",
    at: {
      "length <= stream.sendWindow &&": ["length <= stream.sendWindow → (length) < (stream.sendWindow)"],
      "length <= this.window &&": ["length <= this.window → (length) < (this.window)"],
    },
  },
  {
    file: "http2/sender.ts",
    why: "a stream whose queue is gone is passed over, and what is gone with a stream is looked at by nobody",
    at: {
      "this.#waiting!.delete(stream)": ["left out: this.#waiting!.delete(stream)"],
      "    this.forget(stream)": ["left out: this.forget(stream)"],
    },
  },
  {
    file: "http2/stream-table.ts",
    why: "both numbers are odd, so that half of their difference is whole; nobody but a client asks for the rest",
    at: {
      "return Math.floor((MAX_STREAM_ID - this.#nextId) / 2) + 1": [
        "Math.floor((MAX_STREAM_ID - this.#nextId) / 2) → Math.ceil((MAX_STREAM_ID - this.#nextId) / 2)",
      ],
    },
  },
  {
    file: "http2/stream.ts",
    why: "set by the head, before which DATA is refused",
    at: { "  contentLengthLeft = -1": ["-1 → 1", "1 → 0"] },
  },
  {
    file: "http2/streams.ts",
    why: "the octets that come bring the time with them, and no stream is opened before",
    at: { "this.nowMs = options.nowMs": ["left out: this.nowMs = options.nowMs"] },
  },
  {
    file: "http2/streams.ts",
    why: "the last stream that is taken is open, or known to have ended",
    at: {
      'return this.#role === "client" || id > this.lastAcceptedStreamId': [
        "id > this.lastAcceptedStreamId → (id) >= (this.lastAcceptedStreamId)",
      ],
    },
  },
  {
    file: "http2/streams.ts",
    why: AT_LEAST_NOTHING,
    at: {
      "if (delta < 0) for (const stream of": ["delta < 0 → true", "delta < 0 → (delta) <= (0)", "0 → 1"],
    },
  },
  {
    file: "http2/streams.ts",
    why: "credit that a closed stream is given is not passed on",
    at: { "this.#budget.forget(stream)": ["left out: this.#budget.forget(stream)"] },
  },
  {
    file: "http2/tidy-fields.ts",
    why: "past its ends a text has no blanks, and what is cut to its own length is the same",
    at: {
      "while (start < end && isBlank": ["start < end → true", "start < end → (start) <= (end)"],
      "while (end > start && isBlank": ["end > start → true", "end > start → (end) >= (start)"],
      "return start === 0 && end === value.length ? value": ["start === 0 && end === value.length → false"],
    },
  },
  ...["call-timer", "periodic-records", "service-call", "subrequest"].map((name) => ({
    file: `relay/call/${name}.ts`,
    why: NOT_READ_YET,
    at: { "dueTick = 0": ["0 → 1"] },
  })),
  ...["service-call", "subrequest"].map((name) => ({
    file: `relay/call/${name}.ts`,
    why: "of a client's end only its code and where it came from are looked at",
    at: { "unprocessed: false,": ["false → true"] },
  })),
  {
    file: "relay/call/subrequest.ts",
    why: SHORT_CUT,
    at: { "settings.addHeaders.length === 0": ["settings.addHeaders.length === 0 → false"] },
  },
  {
    file: "relay/call/held-headers.ts",
    why: "a list that is not counted is never down to none",
    at: { "if (list !== null && isCounted(list) && --list.refCount": ["isCounted(list) → true"] },
  },
  {
    file: "relay/call/client-response.ts",
    why: NOT_READ_YET,
    at: { "  #isHolding = false": ["false → true"] },
  },
  {
    file: "relay/call/retry-rules.ts",
    why: "no list of conditions has null in it",
    at: { "if (condition === null || !conditions.includes": ["condition === null → false"] },
  },
  {
    file: "relay/call/retries.ts",
    why: "where the budget has one left, only the bound can have spent it",
    at: { "const isByBound = isBounded &&": ["isBounded → true"] },
  },
  {
    file: "relay/call/call.ts",
    why: "undefined is above nothing, too",
    at: {
      "this.noteStalls(this.leg?.queuedOctets ?? 0)": [
        "this.leg?.queuedOctets ?? 0 → this.leg?.queuedOctets",
      ],
    },
  },
  {
    file: "relay/call/call-timer.ts",
    why: "undefined is above nothing, too; and no timeout names an endpoint where there is no leg",
    at: {
      "=> state?.expirySeconds ?? 0": ["state?.expirySeconds ?? 0 → state?.expirySeconds"],
      'leg?.address ?? ""': ['leg?.address ?? "" → leg?.address'],
    },
  },
  {
    file: "relay/call/client-request.ts",
    why: AT_LEAST_NOTHING,
    at: { "if (due > 0)": ["due > 0 → true", "due > 0 → (due) >= (0)"] },
  },
  {
    file: "relay/call/continuity/logged-request.ts",
    why: AT_LEAST_NOTHING,
    at: { "if (due > 0) {": ["due > 0 → (due) >= (0)"] },
  },
  {
    file: "relay/call/continuity/message-log.ts",
    why: ROOM,
    at: {
      "if (more === 0) return": ["more === 0 → false"],
      "if (this.length === 0 && this.#size > CELL_OCTETS_MAX) this.#leaveRoom()": "*",
      "if (gone > 0) this.#drop(gone)": ["gone > 0 → true", "gone > 0 → (gone) >= (0)"],
    },
  },
  {
    file: "relay/call/continuity/move-account.ts",
    why: MEMORY,
    at: { "    this.#from = null": ["left out: this.#from = null"] },
  },
  {
    file: "relay/call/continuity/resume-rules.ts",
    why: "each is longer than the longest wait",
    at: { "2 ** (Math.min(tries, 10) - 1)": ["10 → 11"] },
  },
  {
    file: "relay/call/continuity/resume-rules.ts",
    why: "what is undefined goes on nowhere, either",
    at: { 'case "handoff":': ['"handoff" → NaN'] },
  },
  {
    file: "relay/call/continuity/resume-rules.ts",
    why: "the rule fits no other end, and one that says nothing of a position is no text",
    at: {
      'answer(end.kind === "unfit" ? end.reason': ['end.kind === "unfit" → true'],
      'end.kind === "refused" ? end.reason': ['end.kind === "refused" → true'],
      'answer(String(end.kind === "handed_off" &&': ['end.kind === "handed_off" → true'],
    },
  },
  {
    file: "relay/call/continuity/whole-messages.ts",
    why: POOL,
    at: {
      "this.#held.settle()": ["left out: this.#held.settle()"],
      "    held.recycle()": ["left out: held.recycle()"],
      "this.#held?.recycle()": ["left out: this.#held?.recycle()"],
    },
  },
  {
    file: "relay/call/replay-buffer.ts",
    why: "what is given of nothing is nothing",
    at: { "if (due <= 0) return 0": ["due <= 0 → (due) < (0)"] },
  },
  {
    file: "relay/call/replay-buffer.ts",
    why: POOL,
    at: {
      "this.#held.settle()": ["left out: this.#held.settle()"],
      "this.#held.recycle()": ["left out: this.#held.recycle()"],
    },
  },
  {
    file: "relay/downstream/clients.ts",
    why: "there is none of that name, so nothing is found and nothing is let go",
    at: {
      "const listener = (raw && this.handshakes.get(raw)) ?? open": ["raw → true"],
      "if (socket === undefined) return": ["socket === undefined → false"],
      "if (address === undefined) return": ["address === undefined → false"],
      "const left = (this.#byAddress.get(address) ?? 1) - 1": [
        "this.#byAddress.get(address) ?? 1 → this.#byAddress.get(address)",
      ],
    },
  },
  {
    file: "relay/downstream/connection-record.ts",
    why: "what is none is no address either",
    at: { "const isKnown = host !== null &&": ["host !== null → true"] },
  },
  {
    file: "relay/downstream/connection-ages.ts",
    why: SHORT_CUT,
    at: { "if (this.#ages.size === 0) return": ["this.#ages.size === 0 → false"] },
  },
  {
    file: "relay/downstream/protocol-detector.ts",
    why: SHORT_CUT,
    at: {
      "if (this.#held.length === 0 && !this.#isProxyHeaderDue) return": [
        "this.#held.length === 0 && !this.#isProxyHeaderDue → false",
      ],
      "this.#held = start === end ? NO_OCTETS": ["start === end → false"],
    },
  },
  {
    file: "relay/pacing/pacer.ts",
    why: NOT_READ_YET,
    at: { "dueTick = 0": ["0 → 1"] },
  },
  {
    file: "relay/pacing/pacer.ts",
    why: SHORT_CUT,
    at: { "if (this.#turns.size === 0) return": ["this.#turns.size === 0 → false"] },
  },
  {
    file: "relay/call/call.ts",
    why: "before there was a page all of the request can be sent again",
    at: {
      "if (pages > 0 && !this.#request.isReplayable)": ["pages > 0 → true", "pages > 0 → (pages) >= (0)"],
    },
  },
  {
    file: "relay/call/client-response.ts",
    why: SHORT_CUT,
    at: {
      "return this.#head(told === status ? rewritten": ["told === status → false"],
      "const told = status === record.status ? list": ["status === record.status → false"],
    },
  },
  {
    file: "relay/call/retries.ts",
    why: AT_LEAST_NOTHING,
    at: {
      "if (waiting > 0) (this.#earlierLegs": ["waiting > 0 → true", "waiting > 0 → (waiting) >= (0)"],
    },
  },
  {
    file: "relay/call/routed-call.ts",
    why: SHORT_CUT,
    at: {
      "if (this.#stalls === null && toClient === 0": [
        "this.#stalls === null && toClient === 0 && toEndpoint === 0 → false",
      ],
      "if (route.errorPages.size === 0 ||": ["route.errorPages.size === 0 → false"],
    },
  },
  {
    file: "relay/call/routed-call.ts",
    why: "what is undefined is neither answered nor cut, either",
    at: {
      'this.leg?.served ?? "otherwise"': ['this.leg?.served ?? "otherwise" → this.leg?.served'],
    },
  },
  {
    file: "relay/call/continuity/message-log.ts",
    why: "no message is shorter than its prefix",
    at: { "this.trim(-1, octet, message)": ["-1 → 1", "1 → 0"] },
  },
  {
    file: "relay/call/continuity/whole-messages.ts",
    why: SHORT_CUT,
    at: {
      "if (this.#held === null && !this.isMidMessage) {": [
        "this.#held === null && !this.isMidMessage → false",
      ],
      "if (whole >= 0) {": ["whole >= 0 → false", "0 → 1"],
    },
  },
  {
    file: "relay/call/continuity/whole-messages.ts",
    why: "no message ends before its first octet",
    at: { "if (cut >= 0) {": ["cut >= 0 → (cut) > (0)", "0 → 1"] },
  },
  {
    file: "relay/call/continuity/cursor-messages.ts",
    why: "no message ends before its first octet",
    at: {
      "const to = cut < 0 ? end : cut": ["cut < 0 → (cut) <= (0)", "0 → 1"],
      "taken += cut < 0 ? this.#part": ["cut < 0 → (cut) <= (0)", "0 → 1"],
    },
  },
  {
    file: "relay/call/continuity/request-log.ts",
    why: "no message ends before its first octet",
    at: { "if (cut >= 0) this.unfinished": ["cut >= 0 → (cut) > (0)", "0 → 1"] },
  },
  {
    file: "relay/call/leg.ts",
    why: MEMORY,
    at: { "    this.#lease = null": ["left out: this.#lease = null"] },
  },
  {
    file: "relay/call/queued-call.ts",
    why: "the call that fails leaves the queue as well",
    at: { "    this.leave()": ["left out: this.leave()"] },
  },
  {
    file: "relay/call/retries.ts",
    why: NOT_READ_YET,
    at: { "delayMs = 0": ["0 → 1"], "isCharged = false": ["false → true"] },
  },
  {
    file: "relay/call/continuity/continuity.ts",
    why: "whether a call goes on, and from where, is asked: budget and chance say when",
    at: {
      "positionAfter(received, this.#facts(true, 0)": ["true → false", "0 → 1"],
      "return continuation(this.#facts(true, 0), end)?.next": ["true → false", "0 → 1"],
    },
  },
  {
    file: "relay/call/continuity/cursor-messages.ts",
    why: "what the client has is past a token, so none counts; and of no octets none is sent",
    at: {
      "if (token != null) this.#token = token": ["token != null → true"],
      "const NO_OCTETS = Buffer.alloc(0)": ["0 → 1"],
    },
  },
  {
    file: "relay/call/continuity/backend-account.ts",
    why: "no call has a leg in the first two milliseconds of its process",
    at: { "const NEVER = -1": ["-1 → 1", "1 → 0"] },
  },
  {
    file: "relay/call/continuity/logged-request.ts",
    why: "of no octets none is sent",
    at: { "const NO_OCTETS = Buffer.alloc(0)": ["0 → 1"] },
  },
  {
    file: "relay/call/client-request.ts",
    why: "of no octets none is sent",
    at: { "const NO_OCTETS = Buffer.alloc(0)": ["0 → 1"] },
  },
  {
    file: "relay/call/continuity/moving.ts",
    why: "a leg that may move has lasted longer",
    at: { "reason.move !== undefined && !this.canMove(0)": ["0 → 1"] },
  },
  {
    file: "relay/call/continuity/whole-messages.ts",
    why: "nothing holds no message: what is looked at next finds none either",
    at: { "if (whole >= 0) {": ["whole >= 0 → (whole) > (0)"] },
  },
  {
    file: "relay/downstream/protocol-detector.ts",
    why: "no client says anything at the very moment at which the process began",
    at: { "if (client.firstOctetMs < 0)": ["client.firstOctetMs < 0 → (client.firstOctetMs) <= (0)"] },
  },
  {
    file: "relay/overload/reset-largest.ts",
    why: "a deadline that is set again at once is due as it was",
    at: {
      "if (this.#isSet) return": ["this.#isSet → false"],
      "    this.#isSet = true": ["left out: this.#isSet = true", "true → false"],
    },
  },
  {
    file: "relay/pacing/pacer.ts",
    why: MEMORY,
    at: {
      "    this.endpoint = null": ["left out: this.endpoint = null"],
      "    this.client = null": ["left out: this.client = null"],
      "this.#endpoints.clear()": ["left out: this.#endpoints.clear()"],
    },
  },
  {
    file: "relay/upstream/leaving-endpoints.ts",
    why: "how much is done in one step",
    at: {
      "const ENDPOINTS_PER_STEP = 256": ["256 → 257"],
      "if (isStepEnd(at)) yield": ["isStepEnd(at) → false", "isStepEnd(at) → true"],
    },
  },
  {
    file: "relay/upstream/rehome.ts",
    why: MEMORY,
    at: { "this.#passes.delete(cluster)": ["left out: this.#passes.delete(cluster)"] },
  },
  {
    file: "relay/upstream/stream-moves.ts",
    why: SHORT_CUT,
    at: { "maxStreamAgeMs === null ? null : reasonOf": ["maxStreamAgeMs === null → false"] },
  },
  {
    file: "relay/upstream/upstream.ts",
    why: "the connections of one pool are of one kind",
    at: { "if (other instanceof UpstreamConnection &&": ["other instanceof UpstreamConnection → true"] },
  },
  {
    file: "relay/route/admission-phases.ts",
    why: "no check lets all pass",
    at: { "const who = hasAccess(access)": ["hasAccess(access) || asked !== null → true"] },
  },
  {
    file: "relay/route/route-meter.ts",
    why: "messages of one tick come to the same counted one by one, and the column past the last status is that of none",
    at: {
      "if (record.requestTicks === ticks) row": ["record.requestTicks === ticks → false"],
      "if (record.responseTicks === ticks) row": ["record.responseTicks === ticks → false"],
      "const isKnown = grpcStatus >= 0 &&": [
        "grpcStatus < ENDED_COLUMNS - 1 → (grpcStatus) <= (ENDED_COLUMNS - 1)",
      ],
    },
  },
  {
    file: "relay/route/written-order.ts",
    why: POOL,
    at: { "const PATH_OCTETS_MAX = 256": ["256 → 257"] },
  },
  {
    file: "relay/route/written-order.ts",
    why: "how much is done in one step",
    at: { "      yield": ["left out: yield"] },
  },
  {
    file: "relay/call/routed-call.ts",
    why: "what is over is given up once more without effect",
    at: { "    this.#waiting = null": ["left out: this.#waiting = null"] },
  },
  {
    file: "relay/call/messages.ts",
    why: SHORT_CUT,
    at: {
      "if (whole >= 0) return whole": ["whole >= 0 → false", "whole >= 0 → (whole) > (0)", "0 → 1"],
    },
  },
  {
    file: "relay/route/access.ts",
    why: SHORT_CUT,
    at: {
      'if (values === "") return null': ['values === "" → false'],
      "if (client !== null) stateOf(record).realClient": ["client !== null → true"],
    },
  },
  {
    file: "relay/route/access.ts",
    why: "no rule lets all pass",
    at: {
      "return rules.length > 0 ||": [
        "rules.length > 0 || basic !== null || jwt !== null || request !== null → true",
        "rules.length > 0 → (rules.length) >= (0)",
      ],
      "if (rules.length > 0) checks.push(checkRules": [
        "rules.length > 0 → true",
        "rules.length > 0 → (rules.length) >= (0)",
      ],
    },
  },
  {
    file: "relay/route/access.ts",
    why: PAST_THE_END,
    at: { "for (let i = 0; i < fields.length; i += 2) if": ["i < fields.length → (i) <= (fields.length)"] },
  },
  {
    file: "relay/route/access.ts",
    why: "the text `undefined` is no such field either",
    at: { '.exec(field ?? "") ?? []': ['field ?? "" → field'] },
  },
  {
    file: "relay/route/admission-phases.ts",
    why: "to no limits a request is what it was before",
    at: {
      "if (streamLimits.limits.length > 0)": [
        "streamLimits.limits.length > 0 → true",
        "streamLimits.limits.length > 0 → (streamLimits.limits.length) >= (0)",
      ],
      "if (requestLimits.limits.length > 0)": [
        "requestLimits.limits.length > 0 → true",
        "requestLimits.limits.length > 0 → (requestLimits.limits.length) >= (0)",
      ],
    },
  },
  {
    file: "relay/route/compile.ts",
    why: "to no steps a request is what it was before",
    at: {
      "if (rewrite.length > 0) {": [
        "rewrite.length > 0 → true",
        "rewrite.length > 0 → (rewrite.length) >= (0)",
      ],
    },
  },
  {
    file: "relay/route/name-groups.ts",
    why: "a name without a group is left out behind it",
    at: {
      'if (!names.some((name) => isRegex(name) && name.includes("("))) return null': [
        '!names.some((name) => isRegex(name) && name.includes("(")) → false',
        'isRegex(name) && name.includes("(") → true',
        "isRegex(name) → true",
        'name.includes("(") → true',
      ],
    },
  },
  {
    file: "relay/route/compile.ts",
    why: "a regex without a group keeps nothing",
    at: {
      'if (match.kind === "regex" && match.pattern.includes("("))': ['match.pattern.includes("(") → true'],
    },
  },
  {
    file: "relay/route/file-kind.ts",
    why: "the file system says so too",
    at: {
      'if (octets === "" || path.includes(0)) return false': [
        'octets === "" || path.includes(0) → false',
        'octets === "" → false',
        "path.includes(0) → false",
      ],
      "statSync(path, { throwIfNoEntry: false })": ["false → true"],
    },
  },
  {
    file: "relay/route/head-rewrite.ts",
    why: POOL,
    at: { "const SLOTS = 32": ["32 → 33"] },
  },
  {
    file: "relay/route/head-rewrite.ts",
    why: SHORT_CUT,
    at: {
      "const more = this.#more.length === 0 ? none": ["this.#more.length === 0 → false"],
      'list.get("host") !== undefined) set.set': ['list.get("host") !== undefined → true'],
      "const hasGrpcStatus = this.#addsGrpcStatus": ["this.#addsGrpcStatus → true"],
      "if (this.#hidden.size === 0) return cleanTrailers(list)": ["this.#hidden.size === 0 → false"],
    },
  },
  {
    file: "relay/route/kept-match.ts",
    why: AT_LEAST_NOTHING,
    at: {
      "if (regex.names.size > 0) keepNamed": [
        "regex.names.size > 0 → true",
        "regex.names.size > 0 → (regex.names.size) >= (0)",
      ],
    },
  },
  {
    file: "relay/route/limit-phases.ts",
    why: "what is below nothing is no delay: the longest counts, from 0",
    at: {
      "if (excess > delayMax) delayMs": [
        "excess > delayMax → true",
        "excess > delayMax → (excess) >= (delayMax)",
      ],
    },
  },
  {
    file: "relay/route/limit-phases.ts",
    why: NOT_READ_YET,
    at: { "dueTick: 0, next: null": ["0 → 1"] },
  },
  {
    file: "relay/route/proxy-request.ts",
    why: "an address that cannot be read goes to no cluster, and a path without meaning was refused before",
    at: {
      'let host = this.#action.host ?? target?.name ?? ""': [
        'this.#action.host ?? target?.name ?? "" → this.#action.host ?? target?.name',
      ],
      "state?.uri ?? normalizeUri(received) ?? received": [
        "state?.uri ?? normalizeUri(received) ?? received → state?.uri ?? normalizeUri(received)",
      ],
    },
  },
  {
    file: "relay/route/proxy-response.ts",
    why: SHORT_CUT,
    at: {
      "this.#changes = this.#redirects.length": [
        "this.#redirects.length > 0 || !this.#cookies.isEmpty → true",
        "this.#redirects.length > 0 → (this.#redirects.length) >= (0)",
      ],
      "return super.apply(this.#changes ?": ["this.#changes → true"],
    },
  },
  {
    file: "relay/route/proxy-response.ts",
    why: PAST_THE_END,
    at: { "for (let i = 0; i < fields.length; i += 2) {": ["i < fields.length → (i) <= (fields.length)"] },
  },
  {
    file: "relay/route/router.ts",
    why: POOL,
    at: {
      "const known = path.length > PATH_OCTETS_MAX": [
        "path.length > PATH_OCTETS_MAX → true",
        "path.length > PATH_OCTETS_MAX → false",
        "path.length > PATH_OCTETS_MAX → (path.length) >= (PATH_OCTETS_MAX)",
      ],
      "if (known !== undefined) return known": ["known !== undefined → false"],
      "if (path.length > PATH_OCTETS_MAX) return route": [
        "path.length > PATH_OCTETS_MAX → true",
        "path.length > PATH_OCTETS_MAX → (path.length) >= (PATH_OCTETS_MAX)",
      ],
      "if (this.#known.size >= PATHS_REMEMBERED)": [
        "this.#known.size >= PATHS_REMEMBERED → true",
        "this.#known.size >= PATHS_REMEMBERED → (this.#known.size) > (PATHS_REMEMBERED)",
      ],
      "this.#known.set(ownString(path), route)": ["left out: this.#known.set(ownString(path), route)"],
    },
  },
  {
    file: "relay/route/router.ts",
    why: "a bracket is no colon",
    at: { 'authority.indexOf(":", bracket + 1)': ["1 → 0"] },
  },
  {
    file: "relay/route/run-phases.ts",
    why: "a phase that says nothing lets pass",
    at: { "const first: Phase[] = verdict === null": ["verdict === null → false"] },
  },
  {
    file: "relay/route/slash-redirect.ts",
    why: "the text `undefined` does not end in a slash either",
    at: {
      'if ((match.kind !== "prefix" && match.kind !== "exact") ||': [
        'match.kind !== "prefix" && match.kind !== "exact" → false',
      ],
    },
  },
  {
    file: "relay/route/zone-table.ts",
    why: HASH,
    at: {
      "h = Math.imul(h ^ key.charCodeAt(i), 0xcc9e2d51)": ["0xcc9e2d51 → 3432918354"],
      "h = (h << 15) | (h >>> 17)": ["15 → 16", "17 → 18", "left out: h = (h << 15) | (h >>> 17)"],
      "h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)": ["0x85ebca6b → 2246822508", "16 → 17"],
      "h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)": ["0xc2b2ae35 → 3266489910", "13 → 14"],
      "return h ^ (h >>> 16)": ["16 → 17"],
    },
  },
  {
    file: "relay/route/zone-table.ts",
    why: "how long a lock whose owner is dead is waited for",
    at: { "const SPINS_MAX = 1_000_000": ["1_000_000 → 1000001"] },
  },
]
