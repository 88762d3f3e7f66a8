import type { TargetEntry } from "../engine/target.ts"
import { missingForNginx } from "../oracles/nginx-test.ts"

/** Every parser that meets octets of others. */
export const targets: Readonly<Record<string, TargetEntry>> = {
  frames: {
    input: "an octet that says the role and how reads are cut, then what the peer sends",
    covers: ["http2/"],
    maxOctets: 4096,
    load: async () => (await import("./frames.ts")).frames,
  },
  hpack: {
    input: "header blocks, each after its length; length 0: the table's new size instead",
    covers: ["http2/hpack/", "http2/header-list.ts"],
    maxOctets: 1024,
    load: async () => (await import("./hpack.ts")).hpack,
  },
  grpc: {
    input: "an octet that says how reads are cut, then a body, or a header's value",
    covers: [
      "grpc/",
      "bridge/shared/message-splitter",
      "bridge/grpc-web/base64",
      "bridge/shared/grpc-message",
      "bridge/shared/status-det",
      "bridge/json/wire-reader",
      "record/uri",
    ],
    maxOctets: 1024,
    load: async () => (await import("./grpc.ts")).grpc,
  },
  fields: {
    input: "an octet that says how reads are cut, a path after its length, then a protobuf message",
    covers: ["grpc/field"],
    maxOctets: 512,
    load: async () => (await import("./fields.ts")).fields,
  },
  json: {
    input:
      "an octet that says which way and how large the steps are, then JSON, a message or a file's descriptor",
    covers: ["bridge/json/"],
    maxOctets: 1024,
    load: async () => (await import("./json.ts")).json,
  },
  "proxy-protocol": {
    input: "what a client sends first",
    covers: ["net/proxy-protocol.ts"],
    maxOctets: 512,
    load: async () => (await import("./proxy-protocol.ts")).proxyProtocol,
  },
  "client-hello": {
    input: "what a client of a TCP listener sends first",
    covers: ["tcp/client-hello.ts"],
    maxOctets: 512,
    load: async () => (await import("./client-hello.ts")).clientHello,
  },
  nginx: {
    input: "nginx.conf",
    covers: ["config/nginx/", "config/address.ts", "config/problem.ts"],
    maxOctets: 4096,
    load: async () => (await import("./nginx.ts")).nginx,
  },
  regex: {
    input: "a pattern, a zero octet, a text",
    covers: ["regex/"],
    maxOctets: 256,
    load: async () => (await import("./regex.ts")).regex,
  },
  yaml: {
    input: "sluice.yaml",
    covers: ["config/yaml/", "config/address.ts", "config/problem.ts"],
    maxOctets: 4096,
    load: async () => (await import("./yaml.ts")).yaml,
  },
  edge: {
    input: "an octet that says how, then what a client sends to a whole balancer",
    covers: ["bridge/", "relay/", "net/", "grpc/", "record/", "balancer/"],
    maxOctets: 2048,
    load: async () => (await import("./edge.ts")).edge,
  },
  upstream: {
    input: "an octet that says the request, one that says how, then what a backend says to a whole balancer",
    covers: ["bridge/", "relay/", "net/", "grpc/", "record/", "balancer/", "cluster/"],
    maxOctets: 2048,
    load: async () => (await import("./upstream.ts")).upstream,
  },
  phases: {
    input: "an octet that says how reads are cut, then what a client sends to two servers with every phase",
    covers: ["relay/route/", "record/", "access/", "regex/"],
    maxOctets: 2048,
    load: async () => (await import("./phases.ts")).phases,
  },
  "http1-messages": {
    input: "an octet that says how reads are cut and which side reads, then messages of HTTP/1.1",
    covers: ["http1/"],
    maxOctets: 1024,
    load: async () => (await import("./http1-messages.ts")).http1Messages,
  },
  "http1-request": {
    input: "an octet that says how reads are cut, then what a client sends to a proxy of HTTP/1.1",
    covers: ["origin/http1/", "bridge/http1/", "relay/call/"],
    maxOctets: 2048,
    load: async () => (await import("./http1-request.ts")).http1Request,
  },
  "http1-answer": {
    input: "an octet that says the request, one that says how, then what an HTTP/1.1 backend says",
    covers: ["origin/http1/", "bridge/http1/", "relay/call/"],
    maxOctets: 2048,
    load: async () => (await import("./http1-answer.ts")).http1Answer,
  },
  "http2-peer": {
    input: "an octet that says the role, then what the peer sends to our connection and to Node's",
    covers: ["http2/"],
    maxOctets: 2048,
    isOnRequest: true,
    load: async () => (await import("./http2-peer.ts")).http2Peer,
  },
  "nginx-peer": {
    input: "nginx.conf, for us and for nginx -t",
    covers: ["config/nginx/", "config/address.ts"],
    maxOctets: 4096,
    isOnRequest: true,
    missing: missingForNginx,
    load: async () => (await import("./nginx-peer.ts")).nginxPeer,
  },
}
