import { expect, test } from "vitest"
import { CertificateFiles } from "../../test/support/certificates.ts"
import { eventually } from "../../test/support/eventually.ts"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { FILE_POLL_MS, fileVersions, TlsFileWatch } from "./tls-file-watch.ts"

test("one timer, however often a file has changed", async (t) => {
  const files = new CertificateFiles(t)
  const path = files.write("cert.pem", "first")
  const clock = new ManualClock()
  const watch = new TlsFileWatch(clock)
  let changes = 0
  let unwatch = () => {}
  // As listeners do it: each change begins to watch anew.
  const use = (): void => {
    unwatch()
    unwatch = watch.watch(fileVersions([path]), () => {
      changes++
      use()
    })
  }
  use()
  for (let round = 1; round <= 3; round++) {
    files.write("cert.pem", "x".repeat(10 + round))
    clock.advance(FILE_POLL_MS)
    await eventually(
      () => changes === round && clock.timersOpen > 0,
      () => `${changes} changes, ${clock.timersOpen} timers`,
    )
    expect(clock.timersOpen).toBe(1)
  }
  watch.close()
  expect(clock.timersOpen).toBe(0)
})
