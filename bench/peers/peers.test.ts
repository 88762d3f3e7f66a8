import { describe, expect, test } from "vitest"
import { alsoPeer } from "./sluice.ts"
import { fillTemplate, readTemplate, type TemplateValues } from "./template.ts"

const VALUES: TemplateValues = {
  port: 8080,
  backends: [3000, 3001],
  streams: 1000,
  connections: 2000,
  sockets: 4000,
  bufferOctets: 16_384,
  tls: false,
  directory: "/tmp/d",
  threads: 1,
  accessLog: "off",
  continuity: "",
}

describe("fillTemplate", () => {
  test("a line with a backend is repeated, numbered from 1", () => {
    const filled = fillTemplate("listen {{port}}\n  server s{{index}} 127.0.0.1:{{backend}}\nend", VALUES)
    expect(filled).toBe("listen 8080\n  server s1 127.0.0.1:3000\n  server s2 127.0.0.1:3001\nend")
  })

  test("an unknown name is refused", () => {
    expect(() => fillTemplate("{{prot}}", VALUES)).toThrow("the template names {{prot}}")
  })

  test("a line may be for TLS, or for its absence", () => {
    const template = "{{tls}}  secure\n{{plain}}  open\nboth"
    expect(fillTemplate(template, VALUES)).toBe("  open\nboth")
    expect(fillTemplate(template, { ...VALUES, tls: true })).toBe("  secure\nboth")
  })

  const names = [
    "nginx.conf",
    "sluice.conf",
    "haproxy.cfg",
    "haproxy-tcp.cfg",
    "nghttpx.conf",
    "envoy.yaml",
    "Caddyfile",
    "pingora.conf",
  ]
  test.each(names.flatMap((name) => [false, true].map((tls) => [name, tls] as const)))(
    "%s (TLS: %s) has a port, both backends, and nothing left open",
    (name, tls) => {
      const filled = fillTemplate(readTemplate(name), { ...VALUES, tls })
      expect(filled).toMatch(/8080/)
      expect(filled).toMatch(/3000[\s\S]*3001/)
      expect(filled).not.toMatch(/\{\{|\}\}$/m)
    },
  )
})

describe("--also", () => {
  test("names a peer and its command", () => {
    const peer = alsoPeer("before=node ../old/main.ts run {conf}")
    expect(peer.name).toBe("before")
    expect(peer.kind).toBe("sluice")
    expect(peer.command("/tmp/x.conf")).toEqual(["node", "../old/main.ts", "run", "/tmp/x.conf"])
  })

  test.each(["before", "before=node main.ts", "=node {conf}"])("%s is refused", (argument) => {
    expect(() => alsoPeer(argument)).toThrow('"label=command ... {conf}"')
  })
})
