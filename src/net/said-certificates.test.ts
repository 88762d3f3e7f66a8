import { rmSync, writeFileSync } from "node:fs"
import type { Socket } from "node:net"
import { expect, test } from "vitest"
import { Certificate, CertificateFiles } from "../../test/support/certificates.ts"
import { SaidCertificates } from "./said-certificates.ts"

const CLIENT = { raw: {} as Socket, proxied: null, ends: null }

test("those used last are kept, and read again once a file has changed", async (t) => {
  const files = new CertificateFiles(t)
  for (const name of ["a", "b", "c"]) files.pair(name, await Certificate.root(`CN=${name}`))
  const certificate = { names: [], certFile: files.path("$.pem"), keyFile: files.path("$.key") }
  const pathsOf = (source: string) => (name: string) => source.replace("$", name)
  const said = new SaidCertificates({}, [certificate], pathsOf, 2)
  const [a, b] = [said.find("a", CLIENT), said.find("b", CLIENT)]
  expect(said.find("a", CLIENT)).toBe(a)
  said.find("c", CLIENT)
  expect(said.find("a", CLIENT)).toBe(a)
  expect(said.find("b", CLIENT)).not.toBe(b)
  files.pair("a", await Certificate.root("CN=renewed"))
  expect(said.find("a", CLIENT)).not.toBe(a)
})

test("what was read is shown until what came in its place can be read, or is gone", async (t) => {
  const files = new CertificateFiles(t)
  files.pair("a", await Certificate.root("CN=a"))
  const certificate = { names: [], certFile: files.path("a.pem"), keyFile: files.path("a.key") }
  const said = new SaidCertificates({}, [certificate], (source) => () => source)
  const first = said.find("a", CLIENT)
  const [renewed, again] = [await Certificate.root("CN=renewed"), await Certificate.root("CN=again")]
  writeFileSync(files.path("a.pem"), renewed.pem)
  expect(said.find("a", CLIENT)).toBe(first)
  expect(said.find("a", CLIENT)).toBe(first)
  writeFileSync(files.path("a.key"), renewed.key)
  const second = said.find("a", CLIENT)
  expect(second).not.toBe(first)
  expect(said.find("a", CLIENT)).toBe(second)
  writeFileSync(files.path("a.key"), again.key)
  expect(said.find("a", CLIENT)).toBe(second)
  rmSync(files.path("a.pem"))
  expect(() => said.find("a", CLIENT)).toThrow("a.pem: no such file")
})

test("one that is gone is not shown any more", async (t) => {
  const files = new CertificateFiles(t)
  files.pair("a", await Certificate.root("CN=a"))
  const certificate = { names: [], certFile: files.path("$.pem"), keyFile: files.path("a.key") }
  let end = ".pem"
  const pathsOf = () => (name: string) => files.path(`${name}${end}`)
  const said = new SaidCertificates({}, [certificate], pathsOf)
  said.find("a", CLIENT)
  end = ".gone"
  expect(() => said.find("a", CLIENT)).toThrow("a.gone: no such file")
})
