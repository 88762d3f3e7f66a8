import { expect, test } from "vitest"
import { type LimitName, limitNames, limitTable } from "../../base/limits.ts"
import { loadYaml } from "../yaml/load.ts"
import { toYaml } from "../yaml/write.ts"
import { readNginxConfig } from "./read.ts"

const NO_FILES = {
  read(): never {
    throw new Error("no such file")
  },
  list: () => [],
}

function read(main: string, http = "", server = "") {
  const rest = `events {} http { ${http} server { listen 8080; ${server} } server { listen 8081; } }`
  const { config, problems } = readNginxConfig(`${main} ${rest}`, "nginx.conf", NO_FILES)
  if (config !== null) expect(loadYaml(toYaml(config), "sluice.yaml").config).toEqual(config)
  const errors = problems.filter(({ severity }) => severity === "error")
  return { limits: config?.limits, errors: errors.map(({ message, hint }) => [message, hint]) }
}

/** As nginx.conf writes a value of a limit. */
function written(name: LimitName, value: number): string {
  return limitTable[name].unit === "ms" ? `${value}ms` : String(value)
}

test.each(limitNames)("sluice_limit %s, to the ends of its range", (name) => {
  const { min, max } = limitTable[name]
  // Windows of streams may not exceed those of connections.
  const others = name.endsWith("StreamWindowOctets") || name === "streamWindowOctets"
  const more = others ? "sluice_limit connectionWindowOctets 2147483647;" : ""
  for (const value of name === "connectionWindowOctets" ? [max] : [min, max]) {
    const { limits, errors } = read(`sluice_limit ${name} ${written(name, value)}; ${more}`)
    expect(errors).toEqual([])
    expect(limits).toMatchObject({ [name]: value })
  }
})

test.each<[text: string, name: string, value: number]>([
  ["messageOctetsMax 8m", "messageOctetsMax", 8_388_608],
  ["messageOctetsMax 65536", "messageOctetsMax", 65_536],
  ["bufferedOctetsMax 1G", "bufferedOctetsMax", 1_073_741_824],
  ["prefaceTimeoutMs 5s", "prefaceTimeoutMs", 5000],
  ['prefaceTimeoutMs "1m 30s"', "prefaceTimeoutMs", 90_000],
  ["headerFieldsMax 500", "headerFieldsMax", 500],
])("sluice_limit %s", (text, name, value) => {
  expect(read(`sluice_limit ${text};`)).toEqual({ limits: { [name]: value }, errors: [] })
})

const TIME = "a time with its unit, for instance 500ms or 10s"
const OCTETS = "octets, for instance 65536, 64k or 8m"

test.each<[text: string, message: string, hint: string | null]>([
  ["headerFieldMax 5", 'unknown limit "headerFieldMax"', 'did you mean "headerFieldsMax"?'],
  ["toString 5", 'unknown limit "toString"', null],
  ["headerFieldsMax 5k", 'invalid value "5k" of limit "headerFieldsMax"', "a whole number of fields"],
  ["headerFieldsMax 5", "headerFieldsMax must be a whole number from 16 to 10000 (fields), not 5", null],
  ["messageOctetsMax 8x", 'invalid value "8x" of limit "messageOctetsMax"', OCTETS],
  ["messageOctetsMax -1", 'invalid value "-1" of limit "messageOctetsMax"', OCTETS],
  ["prefaceTimeoutMs 5000", 'invalid value "5000" of limit "prefaceTimeoutMs"', TIME],
  ["prefaceTimeoutMs 5x", 'invalid value "5x" of limit "prefaceTimeoutMs"', TIME],
  [
    "prefaceTimeoutMs 2h",
    "prefaceTimeoutMs must be a whole number from 10 to 3600000 (ms), not 7200000",
    null,
  ],
  ["connectionWindowOctets 64k", "streamWindowOctets must not exceed connectionWindowOctets (65536)", null],
  [
    "headerFieldsMax 50; sluice_limit headerFieldsMax 60",
    'duplicate limit "headerFieldsMax"',
    "the first is at nginx.conf:1",
  ],
  ["headerFieldsMax", 'invalid number of arguments in "sluice_limit" directive', "it takes 2"],
])("sluice_limit %s is refused", (text, message, hint) => {
  expect(read(`sluice_limit ${text};`).errors).toEqual([[message, hint]])
})

const KiB = 1024
const OVERHEAD = 32 * 128

test.each<[what: string, main: string, http: string, server: string, limits: object]>([
  ["nothing", "", "", "", {}],
  ["nginx's own default", "", "large_client_header_buffers 4 8k;", "", { http1HeadOctets: 33 * KiB }],
  ["less than without it", "", "large_client_header_buffers 2 1k;", "", {}],
  [
    "more",
    "",
    "large_client_header_buffers 4 32k; client_header_buffer_size 4k;",
    "",
    {
      headerListOctets: 128 * KiB + OVERHEAD,
      headerBlockOctets: 4 * (128 * KiB + OVERHEAD),
      http1HeadOctets: 132 * KiB,
    },
  ],
  [
    "the largest of several",
    "",
    "large_client_header_buffers 4 8k;",
    "large_client_header_buffers 4 16k;",
    { headerListOctets: 64 * KiB + OVERHEAD, headerBlockOctets: 272 * KiB, http1HeadOctets: 65 * KiB },
  ],
  ["the first buffer alone", "", "client_header_buffer_size 16k;", "", { http1HeadOctets: 48 * KiB }],
  ["fields", "", "max_headers 1000;", "", { headerFieldsMax: 1000 }],
  ["fewer fields", "", "max_headers 20;", "", {}],
  [
    "fields, each with what a list counts for it",
    "",
    "max_headers 1000; large_client_header_buffers 8 8k;",
    "",
    {
      headerFieldsMax: 1000,
      headerListOctets: 64 * KiB + 32_000,
      headerBlockOctets: 4 * (64 * KiB + 32_000),
      http1HeadOctets: 65 * KiB,
    },
  ],
  [
    "old names",
    "",
    "http2_max_header_size 128k;",
    "http2_max_field_size nonsense;",
    { headerListOctets: 128 * KiB + OVERHEAD, headerBlockOctets: 4 * (128 * KiB + OVERHEAD) },
  ],
  ["a short body", "", "client_body_buffer_size 8k;", "", {}],
  [
    "long bodies, in a location too",
    "",
    "client_body_buffer_size 32k;",
    "client_body_buffer_size 20k; location /up { client_body_buffer_size 64k; grpc_pass grpc://[::1]:9; }",
    { requestBodyOctets: 64 * KiB },
  ],
  ["a body without end", "", "client_body_buffer_size 200m;", "", { requestBodyOctets: KiB * KiB }],
  [
    "more than may be",
    "",
    "large_client_header_buffers 9000000000 9000000000m; max_headers 1000000;",
    "",
    {
      headerFieldsMax: 10_000,
      headerListOctets: 16 * KiB * KiB,
      headerBlockOctets: 16 * KiB * KiB,
      http1HeadOctets: KiB * KiB,
    },
  ],
  [
    "the last word",
    "sluice_limit headerListOctets 8k; sluice_limit http1HeadOctets 8k; sluice_limit headerFieldsMax 50;",
    "large_client_header_buffers 4 32k; max_headers 1000;",
    "",
    { headerFieldsMax: 50, headerListOctets: 8 * KiB, http1HeadOctets: 8 * KiB },
  ],
])("the head of a request: %s", (_what, main, http, server, limits) => {
  expect(read(main, http, server)).toEqual({ limits, errors: [] })
})

test.each([
  ["large_client_header_buffers 0 8k;", "0"],
  ["large_client_header_buffers 4 8x;", "8x"],
])("%s is refused", (http, value) => {
  expect(read("", http).errors).toEqual([
    [
      `"large_client_header_buffers" directive invalid value "${value}"`,
      "a number and a size, for instance 4 8k",
    ],
  ])
})
