import type { Socket } from "node:net"
import { expect, test } from "vitest"
import { Certificate, CertificateFiles } from "../../test/support/certificates.ts"
import { SaidCertificates } from "./said-certificates.ts"

const SOCKET = {} as Socket

test("those used last are kept, and read again once a file has changed", async (t) => {
  const files = new CertificateFiles(t)
  for (const name of ["a", "b", "c"]) files.pair(name, await Certificate.root(`CN=${name}`))
  const certificate = { names: [], certFile: files.path("$.pem"), keyFile: files.path("$.key") }
  const pathsOf = (source: string) => (name: string) => source.replace("$", name)
  const said = new SaidCertificates({}, [certificate], pathsOf, 2)
  const [a, b] = [said.find("a", SOCKET), said.find("b", SOCKET)]
  expect(said.find("a", SOCKET)).toBe(a)
  said.find("c", SOCKET)
  expect(said.find("a", SOCKET)).toBe(a)
  expect(said.find("b", SOCKET)).not.toBe(b)
  files.pair("a", await Certificate.root("CN=renewed"))
  expect(said.find("a", SOCKET)).not.toBe(a)
})

test("one that is gone is not shown any more", async (t) => {
  const files = new CertificateFiles(t)
  files.pair("a", await Certificate.root("CN=a"))
  const certificate = { names: [], certFile: files.path("$.pem"), keyFile: files.path("a.key") }
  let end = ".pem"
  const pathsOf = () => (name: string) => files.path(`${name}${end}`)
  const said = new SaidCertificates({}, [certificate], pathsOf)
  said.find("a", SOCKET)
  end = ".gone"
  expect(() => said.find("a", SOCKET)).toThrow("a.gone: no such file")
})
