import { Certificate } from "../../test/support/certificates.ts"

/** A certificate that is not checked. */
export function makeCertificate(): Promise<Certificate> {
  return Certificate.root("CN=localhost", { names: ["localhost"], isAuthority: false })
}
