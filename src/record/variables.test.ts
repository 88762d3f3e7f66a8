import { describe, expect, test } from "vitest"
import { attemptRecord, streamRecord, templateEnvironment } from "../../test/support/stream-record.ts"
import { HeaderList } from "../http2/header-list.ts"
import type { StreamRecord } from "./record.ts"
import { compileTemplate } from "./template.ts"
import { findVariable, isKnownVariable, variableNames } from "./variables.ts"

const tls = {
  protocol: "TLSv1.3",
  cipher: "TLS_AES_128_GCM_SHA256",
  clientSubject: "CN=ann",
  clientVerify: "SUCCESS",
  clientRefused: null,
}
const goneOn = streamRecord({
  continuity: {
    legs: 3,
    gaps: 2,
    gapMs: 250,
    moves: 1,
    movedMs: 0,
    moveCause: "rebalance",
    moved: 1,
    repeated: 0,
  },
})
const plain = streamRecord()
const headers = (...fields: string[]) => streamRecord({ requestHeaders: new HeaderList(fields) })
const path = (value: string) => streamRecord({ path: value })
const retried = streamRecord({
  attempts: [
    attemptRecord({ address: "10.0.0.1:1", status: 502, connectedMs: 0, headersMs: 0, endMs: 1_051 }),
    attemptRecord({ address: "10.0.0.2:1", endMs: 0 }),
  ],
})

describe.each<[name: string, record: StreamRecord, value: string | undefined]>([
  ["remote_addr", plain, "192.0.2.1"],
  ["REMOTE_ADDR", plain, "192.0.2.1"],
  ["remote_port", plain, "51234"],
  ["binary_remote_addr", plain, "\xc0\x00\x02\x01"],
  ["server_addr", plain, "192.0.2.80"],
  ["server_port", plain, "8080"],
  ["server_protocol", plain, "HTTP/2.0"],
  ["connection", plain, "7"],
  ["connection_requests", plain, "3"],
  ["connection_time", streamRecord({ connection: { openedMs: 1_000 } }), "4.000"],
  ["request_port", streamRecord({ authority: "a.example:8443" }), "8443"],
  ["is_request_port", streamRecord({ authority: "a.example:8443" }), ":"],
  ["request_port", streamRecord({ authority: "a.example" }), undefined],
  ["is_request_port", streamRecord({ authority: "[::1]" }), ""],
  ["ssl_curve", plain, undefined],
  ["proxy_protocol_tlv_alpn", plain, undefined],
  ["arg_", plain, undefined],
  ["scheme", plain, "http"],
  ["scheme", streamRecord({ connection: { tls } }), "https"],
  ["https", plain, ""],
  ["https", streamRecord({ connection: { tls } }), "on"],
  ["ssl_protocol", plain, undefined],
  ["ssl_protocol", streamRecord({ connection: { tls } }), "TLSv1.3"],
  ["ssl_cipher", streamRecord({ connection: { tls } }), "TLS_AES_128_GCM_SHA256"],
  ["ssl_client_s_dn", streamRecord({ connection: { tls } }), "CN=ann"],
  ["ssl_client_s_dn", streamRecord({ connection: { tls: { ...tls, clientSubject: "" } } }), undefined],
  ["ssl_client_verify", streamRecord({ connection: { tls } }), "SUCCESS"],

  ["request", path("/a?b"), "POST /a?b HTTP/2.0"],
  ["request_method", plain, "POST"],
  ["request_uri", path("/a/../b?c"), "/a/../b?c"],
  ["uri", path("/a/../b%20c?d"), "/b c"],
  ["document_uri", path("/a?b"), "/a"],
  ["args", path("/a"), undefined],
  ["args", path("/a?"), undefined],
  ["args", path("/a?b=1&c"), "b=1&c"],
  ["query_string", path("/a?b"), "b"],
  ["is_args", path("/a"), ""],
  ["is_args", path("/a?b"), "?"],
  ["arg_b", path("/a?bb=0&b=1&b=2"), "1"],
  ["arg_b", path("/a?B=%20"), "%20"],
  ["arg_b", path("/a?b="), ""],
  ["arg_b", path("/a?b"), undefined],
  ["arg_b", path("/a?x=b=1"), undefined],
  ["host", plain, "chat.example"],
  ["host", streamRecord({ authority: "[2001:DB8::1]:80" }), "[2001:db8::1]"],
  ["host", streamRecord({ authority: "chat.example." }), "chat.example"],
  ["host", streamRecord({ authority: "" }), "chat.example"],
  ["http_host", plain, "Chat.Example:8080"],
  ["server_name", plain, "chat.example"],
  ["content_type", plain, "application/grpc"],
  ["content_length", plain, undefined],
  ["content_length", headers("content-length", "5"), "5"],
  ["remote_user", headers("authorization", `Basic ${btoa("ann:pa:ss")}`), "ann"],
  ["remote_user", headers("authorization", `Basic ${btoa(":pass")}`), undefined],
  ["remote_user", headers("authorization", "Bearer x"), undefined],
  ["remote_user", plain, undefined],
  ["proxy_add_x_forwarded_for", plain, "192.0.2.1"],
  ["proxy_add_x_forwarded_for", headers("x-forwarded-for", "a", "x-forwarded-for", "b"), "a, b, 192.0.2.1"],
  ["http_user_agent", plain, "grpc-node-js/1.14.0"],
  ["http_x_none", plain, undefined],
  ["http_x_twice", headers("x-twice", "1", "x-twice", "2"), "1, 2"],
  ["http_x_user", headers("x_user", "root"), undefined],
  ["http_a_b_c", headers("a_b-c", "1", "a-b_c", "2", "a_b_d", "3"), undefined],
  ["sent_http_a_b", streamRecord({ responseHeaders: new HeaderList(["a_b", "1", "a_b", "2"]) }), "1, 2"],
  ["sent_http_a_b", streamRecord({ responseHeaders: new HeaderList(["a_b", "1", "a-b", "2"]) }), "2"],
  ["http_tenant_id", headers("tenant_id", "a", "tenant-id", "b"), "b"],
  ["http_tenantid", headers("tenant_id", "a"), undefined],
  ["http_cookie", headers("cookie", "a=1", "cookie", "b=2"), "a=1; b=2"],
  ["cookie_b", headers("cookie", "a=1", "cookie", "b=2"), "2"],
  ["cookie_c", headers("cookie", "a=1; b=c=1"), undefined],
  ["request_length", plain, String(21 + "content-typeapplication/grpcuser-agentgrpc-node-js/1.14.0".length)],
  ["request_time", plain, "1.234"],
  ["request_time", streamRecord({ endMs: 0 }), "4.000"],

  ["status", plain, "200"],
  ["status", streamRecord({ status: 0 }), "000"],
  ["body_bytes_sent", plain, "42"],
  ["bytes_sent", plain, String(42 + "content-typeapplication/grpcgrpc-status0".length)],
  ["sent_http_content_type", plain, "application/grpc"],
  ["sent_http_content_type", streamRecord({ responseHeaders: null }), undefined],
  ["sent_trailer_grpc_status", plain, "0"],
  ["grpc_status", plain, "0"],
  ["grpc_status", streamRecord({ grpcStatus: -1 }), undefined],
  ["grpc_message", streamRecord({ grpcMessage: "no" }), "no"],
  ["grpc_message", plain, undefined],
  ["grpc_messages_sent", plain, "2"],
  ["grpc_messages_received", plain, "1"],
  ["stream_resumes", plain, "0"],
  ["continuity_legs", plain, undefined],
  ["continuity_gap", plain, undefined],
  ["continuity_legs", goneOn, "3"],
  ["continuity_gap", goneOn, "0.250"],

  ["upstream_addr", plain, "127.0.0.1:3000"],
  ["upstream_addr", streamRecord({ attempts: [] }), undefined],
  ["upstream_addr", retried, "10.0.0.1:1, 10.0.0.2:1"],
  ["upstream_status", retried, "502, 200"],
  ["upstream_status", streamRecord({ attempts: [attemptRecord({ status: 0 })] }), "-"],
  ["upstream_connect_time", retried, "-, 0.001"],
  ["upstream_header_time", retried, "-, 0.009"],
  ["upstream_response_time", retried, "0.050, -"],
  ["upstream_bytes_sent", retried, "21, 21"],
  ["upstream_bytes_received", retried, "42, 42"],
  ["upstream_response_length", plain, "42"],
  ["upstream_http_x_internal", plain, "a"],
  ["upstream_http_x_internal", streamRecord({ attempts: [] }), undefined],
  ["upstream_trailer_grpc_status", plain, "0"],

  ["msec", plain, "1795414282.042"],
  ["pid", plain, "4711"],
  ["hostname", plain, "edge-1"],
  ["nginx_version", plain, "0.1.0"],
  ["pipe", plain, "."],
])("$%s", (name, record, value) => {
  test(`is ${value}`, () => {
    expect(findVariable(name)!(record, templateEnvironment())).toBe(value)
  })
})

test("$time_local and $time_iso8601 name one instant, in the local zone", () => {
  const local = findVariable("time_local")!(plain, templateEnvironment())!
  const iso = findVariable("time_iso8601")!(plain, templateEnvironment())!
  expect(local).toMatch(/^\d\d\/Nov\/2026:\d\d:\d1:22 [+-]\d{4}$/)
  expect(new Date(iso).getTime()).toBe(Date.UTC(2026, 10, 23, 6, 11, 22))
})

test("$request_id is 32 hex digits, made once per stream", () => {
  const record = streamRecord()
  const env = templateEnvironment()
  const first = findVariable("request_id")!(record, env)
  expect(first).toMatch(/^[0-9a-f]{32}$/)
  expect(findVariable("request_id")!(record, env)).toBe(first)
  expect(findVariable("request_id")!(streamRecord(), env)).not.toBe(first)
})

test.each(["", "http", "nonsense", "__proto__", "constructor", "remote-addr"])("$%s is unknown", (name) => {
  expect(isKnownVariable(name)).toBe(false)
})

test("every name listed is known", () => {
  for (const name of variableNames())
    expect(isKnownVariable(name.endsWith("_") ? `${name}x` : name)).toBe(true)
})

test.each([
  ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"],
  ["cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", "4bf92f3577b34da6a3ce929d0e0e4736"],
  ["00-00000000000000000000000000000000-00f067aa0ba902b7-01", "-"],
  ["00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "-"],
  ["nonsense", "-"],
])("$trace_id of traceparent %s", (traceparent, id) => {
  const record = streamRecord({ requestHeaders: new HeaderList(["traceparent", traceparent]) })
  expect(compileTemplate("$trace_id", "default").render(record, templateEnvironment())).toBe(id)
})
