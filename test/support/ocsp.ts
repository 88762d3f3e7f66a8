/** OCSP as others speak it: answers that openssl makes, and a server that gives them. */
import { execFileSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import type { TestContext } from "vitest"
import { type Certificate, CertificateFiles } from "./certificates.ts"
import { isInstalled } from "./nginx.ts"

export const hasOpenssl = isInstalled("openssl", "version", "openssl")

export interface Answering {
  readonly authority: Certificate
  readonly status?: "V" | "R"
  /** Who signs. */
  readonly by?: Certificate
  /** The one that is asked about. Default: `certificate`. */
  readonly of?: Certificate
  readonly days?: number
  /** A request, DER, in place of one that openssl makes. */
  readonly request?: Buffer
  /** The one that the authority knows of. */
  readonly certificate: Certificate
}

/** What `openssl ocsp` answers, DER: not our code. */
export function ocspAnswer(t: TestContext, answering: Answering): Buffer {
  const { status = "V", days = 2, request, authority, certificate } = answering
  const { by = authority, of = certificate } = answering
  const files = new CertificateFiles(t)
  const serial = new X509Certificate(certificate.pem).serialNumber
  const until = "301231235959Z"
  files.write(
    "index.txt",
    `${status}\t${until}\t${status === "R" ? "200101000000Z" : ""}\t${serial}\tunknown\t/CN=chat.test\n`,
  )
  files.write("root.pem", authority.pem)
  const written = request === undefined ? [] : [files.write("request.der", request)]
  const out = join(files.directory, "response.der")
  execFileSync(
    "openssl",
    [
      ...["ocsp", "-index", join(files.directory, "index.txt"), "-CA", join(files.directory, "root.pem")],
      ...["-rsigner", files.write("signer.pem", by.pem), "-rkey", files.write("signer.key", by.key), "-sha1"],
      ...(request === undefined
        ? ["-issuer", join(files.directory, "root.pem"), "-cert", files.write("leaf.pem", of.pem)]
        : ["-reqin", written[0]!]),
      ...["-ndays", String(days), "-respout", out, "-noverify"],
    ].filter((word) => word !== "-sha1"),
    { stdio: "ignore" },
  )
  return readFileSync(out)
}

/** A responder that answers as the test says, once `after` is, and how often it was asked. */
export async function ocspResponder(
  t: TestContext,
  respond: (request: Buffer) => Buffer | "hang" | number,
  after: Promise<void> = Promise.resolve(),
) {
  let asked = 0
  const server = createServer(async (request, response) => {
    asked++
    await after
    const said = respond(Buffer.from(decodeURIComponent(request.url!.slice(1)), "base64"))
    if (said === "hang") return
    if (typeof said === "number") response.statusCode = said
    response.end(typeof said === "number" ? "" : said)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked }
}
