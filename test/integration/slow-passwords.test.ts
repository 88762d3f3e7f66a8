/** Passwords whose hashes are slow, tried by many at once while streams live. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as grpc from "@grpc/grpc-js"
import { expect, test } from "vitest"
import { TestBed } from "../support/test-bed.ts"

/** Of "secret", by openssl; the second with ten times as many rounds, and of no password. */
const USERS = [
  "ann:$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
  `bob:$6$rounds=50000$saltsalt$${"a".repeat(86)}`,
]
const { UNAUTHENTICATED, RESOURCE_EXHAUSTED, OK } = grpc.status

function credentials(user: string, password: string): grpc.Metadata {
  const metadata = new grpc.Metadata()
  metadata.set("authorization", `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`)
  return metadata
}

test("whoever tries passwords holds up no stream, and more than so many are told to come later", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-users-"))
  t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const userFile = join(directory, "users")
  writeFileSync(userFile, USERS.join("\n"))
  const bed = await TestBed.start(t, {
    config: {
      // An eighth of them is one client's.
      limits: { passwordChecksMax: 32 },
      access: { basic: { realm: "r", userFile } },
    },
  })
  const client = bed.client()
  const ann = credentials("ann", "secret")
  expect((await client.unary(Buffer.from("x"), ann)).code).toBe(OK)
  const ended: string[] = []
  const tries = Array.from({ length: 6 }, async (_, i) => {
    const { code } = await client.unary(Buffer.from("x"), credentials("bob", `${i}`))
    ended.push("try")
    return code
  })
  // Each of them takes much longer than all of these.
  for (let i = 0; i < 5; i++) expect((await client.unary(Buffer.from("x"), ann)).code).toBe(OK)
  ended.push("streams")
  const codes = await Promise.all(tries)
  expect(codes.filter((code) => code === UNAUTHENTICATED)).toHaveLength(4)
  expect(codes.filter((code) => code === RESOURCE_EXHAUSTED)).toHaveLength(2)
  expect(ended.at(-1)).toBe("try")
  expect(bed.balancer.counters.get("password_checks_exceeded")).toBe(2)
})
