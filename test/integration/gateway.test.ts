/** `sluice controller`: resources of the Gateway API in a stand-in for a kube-apiserver, real calls through its data plane. */
import { expect, test } from "vitest"
import { GatewayBed, NamedBackend } from "../support/gateway-bed.ts"

const to = (...names: string[]) => names.map((name) => ({ name, port: 8080 }))

test("calls go by method and by header, and every resource says what became of it", async (t) => {
  const bed = await GatewayBed.start(t)
  const [one, two] = [await NamedBackend.start(t, "one"), await NamedBackend.start(t, "two")]
  bed.service("one", [one])
  bed.service("two", [two])
  const method = { service: "a.Echo", method: "Shout" }
  bed.api.apply(
    bed.route("chat", [
      { matches: [{ method: { service: "a.Echo" } }], backendRefs: to("one") },
      { matches: [{ method }, { headers: [{ name: "version", value: "two" }] }], backendRefs: to("two") },
    ]),
  )
  const sluice = bed.controller()
  await bed.says("grpcroutes", "chat", "parents", "Accepted True Accepted", "ResolvedRefs True ResolvedRefs")
  await bed.says("gatewayclasses", "sluice", undefined, "Accepted True Accepted")
  await bed.says("gateways", "web", undefined, "Accepted True Accepted", "Programmed True Programmed")
  await bed.says("gateways", "web", "listeners", "Programmed True Programmed", "Conflicted False NoConflicts")
  expect(await bed.call("/a.Echo/Say")).toBe("one")
  expect(await bed.call("/a.Echo/Shout")).toBe("two")
  expect(await bed.call("/a.Echo/Say", { metadata: { version: "two" } })).toBe("one")
  expect(await bed.call("/b.Echo/Say", { metadata: { version: "two" } })).toBe("two")
  expect(await bed.call("/b.Echo/Say")).toBe("UNIMPLEMENTED")
  sluice.signal("SIGTERM")
  expect(await sluice.ended).toBe(0)
})
