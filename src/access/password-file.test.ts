import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, type TestContext, test } from "vitest"
import { LogLines } from "../../test/support/log-lines.ts"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { PasswordFile, PasswordFiles } from "./password-file.ts"
import { hashProblem, isPassword } from "./password-hash.ts"
import { SlowHashes } from "./slow-hashes.ts"

/** Of "secret", by openssl, htpasswd and Apache. */
const HASHES = {
  $1$: "$1$saltsalt$9xy1btjgzLYfb7hivXtC//",
  $apr1$: "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0",
  $5$: "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
  $6$: "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
  bcrypt: "$2b$04$7Hqey/VR1h/.mif38Qo.ROvm9/vRi106pzuD3M1M4FSHlcBtPDnJu",
  "{SHA}": "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
  "{SSHA}": "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0",
  "{PLAIN}": "{PLAIN}secret",
}
/** For files without slow hashes. */
const quick = { slowHashes: { isPassword: () => null } }
const LONG = "a".repeat(86)

describe("a hash of each kind", () => {
  test.for(Object.entries(HASHES))("%s", ([, hash]) => {
    expect(hashProblem(hash)).toBe(null)
    expect(isPassword("secret", hash)).toBe(true)
    for (const wrong of ["", "secre", "secret ", "secret\0", hash])
      expect(isPassword(wrong, hash)).toBe(false)
  })
})

describe("what no password is that of", () => {
  const UNKNOWN = "not a hash that is known"
  test.for<[hash: string, problem: string]>([
    ["", UNKNOWN],
    ["secret", UNKNOWN],
    ["rqXexS6ZhobKA", UNKNOWN],
    ["*", UNKNOWN],
    ["$1$saltsalt$", UNKNOWN],
    ["$apr1$saltsalt", UNKNOWN],
    ["$2b$04$tooshort", UNKNOWN],
    [`$2b$4$${LONG.slice(0, 53)}`, UNKNOWN],
    [`$2b$31$${LONG.slice(0, 53)}`, "takes too long"],
    ["$5$", UNKNOWN],
    ["$5$salt", UNKNOWN],
    ["$5$saltsalt$short", UNKNOWN],
    [`$5$rounds=x$salt$${LONG.slice(0, 43)}`, UNKNOWN],
    [`$5$rounds=50001$salt$${LONG.slice(0, 43)}`, "takes too long"],
    [`$6$rounds=999999999999$salt$${LONG}`, "takes too long"],
    [`$6$rounds=${"9".repeat(400)}$salt$${LONG}`, "takes too long"],
    ["{SHA}", UNKNOWN],
    ["{SHA}AAAA", UNKNOWN],
    ["{SSHA}AAAA", UNKNOWN],
    ["{plain}secret", UNKNOWN],
    ["{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==", UNKNOWN],
  ])("%s", ([hash, problem]) => {
    expect(hashProblem(hash)).toBe(problem)
    for (const password of ["", "secret", hash]) expect(isPassword(password, hash)).toBe(false)
  })

  test.each(Object.entries(HASHES))(
    "a password of 512 octets, whose time would grow with it: %s",
    (_, hash) => {
      expect(isPassword("x".repeat(512), hash)).toBe(false)
    },
  )

  test("whatever stands there, nothing is thrown", () => {
    const octets = fc.string({ unit: fc.constantFrom(..."$.=/0159abAZ{}:é\0\n ".split("")), maxLength: 100 })
    const begins = [
      "",
      "$1$",
      "$apr1$",
      "$2y$04$",
      "$5$",
      "$6$",
      "$5$rounds=1000$",
      "$6$rounds=",
      "{SHA}",
      "{SSHA}",
    ]
    fc.assert(
      fc.property(fc.constantFrom(...begins), octets, (begin, rest) => {
        expect(isPassword("secret", begin + rest)).toBe(false)
      }),
    )
  })
})

describe("a file", () => {
  function fileOf(t: TestContext, text: string) {
    const directory = mkdtempSync(join(tmpdir(), "sluice-users-"))
    t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const path = join(directory, "users")
    writeFileSync(path, text, "latin1")
    const log = new LogLines()
    const slowHashes = new SlowHashes({ most: 3, onLimit() {} })
    t.onTestFinished(() => slowHashes.close())
    return { path, log, users: new PasswordFile(path, { log: log.log, slowHashes }) }
  }

  test("of strange lines lets in whom it names, and the log has the others by their numbers", (t) => {
    const { users, log, path } = fileOf(
      t,
      `# a comment: {PLAIN}x\r\n\nann:{PLAIN}a\r\nno colon\nbob:{PLAIN}b:his comment\nann:{PLAIN}later\n:{PLAIN}nobody\r` +
        " eve:{PLAIN}e\ndes:rqXexS6ZhobKA\n#x:{PLAIN}x\nold:$5$rounds=999999999999$s$x\nm\xfcller:{PLAIN}\xe9\nlast:{PLAIN}l",
    )
    /** `user password`, of which the user may have blanks. */
    const isIn = (both: string) => {
      const at = both.lastIndexOf(" ")
      return users.check(both.slice(0, at), both.slice(at + 1)) === true
    }
    const strange = ["ann a", "bob b", " nobody", " eve e", "m\xfcller \xe9", "last l"]
    expect(strange.filter((both) => !isIn(both))).toEqual([])
    const others = ["ann later", "bob b:his", "no colon", "des x", "old x", "#x x", "# x", "eve e"]
    expect(others.filter(isIn)).toEqual([])
    expect(log.saying("lines of a password file let nobody in")).toEqual([
      {
        file: path,
        lines: [
          "4: no colon",
          "6: its user has a line before",
          "9: not a hash that is known",
          "11: not a hash that is known",
        ],
        of: 4,
      },
    ])
    expect(JSON.stringify(log.lines)).not.toMatch(/rqXexS|PLAIN/)
  })

  test("that changes holds from then on, and a password that was right is right no more", (t) => {
    const { users, path } = fileOf(t, "ann:{PLAIN}a")
    expect([users.check("ann", "a"), users.check("ann", "a")]).toEqual([true, true])
    writeFileSync(path, "ann:{PLAIN}b")
    utimesSync(path, 1, 1)
    expect([users.check("ann", "a"), users.check("ann", "b")]).toEqual([false, true])
  })

  test.for(Object.entries(HASHES))("whose hash is %s", async ([, hash], t) => {
    const { users } = fileOf(t, `ann:${hash}`)
    const wrong = await users.check("ann", "secre")
    expect([wrong, await users.check("ann", "secret"), users.check("ann", "secret")]).toEqual([
      false,
      true,
      true,
    ])
  })

  test("with slow hashes: so many are looked at, the same password once", async (t) => {
    const { users } = fileOf(t, `ann:${HASHES.bcrypt}`)
    const outcomes = ["secret", "secret", "a", "b", "c", "a"].map((password) => users.check("ann", password))
    expect(outcomes[4]).toBe("busy")
    const told = await Promise.all(outcomes.map(async (outcome) => outcome))
    expect(told).toEqual([true, true, false, false, "busy", false])
    expect(await users.check("ann", "c")).toBe(false)
  })

  test("whose slow hash is looked at by a thread that ends lets no caller in, and the next password has another", async (t) => {
    const slowHashes = new SlowHashes({ most: 3, onLimit() {} })
    t.onTestFinished(() => slowHashes.close())
    const first = slowHashes.isPassword("secret", HASHES.bcrypt)
    const second = slowHashes.isPassword("secret", HASHES.$6$)
    slowHashes.close()
    expect([await first, await second]).toEqual([false, false])
    expect(await slowHashes.isPassword("secret", HASHES.bcrypt)).toBe(true)
  })

  test("that is gone, or too large, lets nobody in", (t) => {
    const { users, path } = fileOf(t, "ann:{PLAIN}a")
    expect(users.check("ann", "a")).toBe(true)
    rmSync(path)
    expect(users.check("ann", "a")).toBe("unreadable")
    writeFileSync(path, `ann:{PLAIN}a\n${"#".repeat(17 * 1024 * 1024)}`)
    expect(users.check("ann", "a")).toBe("unreadable")
  })
})

describe("files that variables name", () => {
  function bed(t: TestContext, names: readonly string[]) {
    const directory = mkdtempSync(join(tmpdir(), "sluice-users-"))
    t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    for (const name of names) writeFileSync(join(directory, name), `${name}:{PLAIN}x`)
    let forgotten = 0
    const { log } = new LogLines()
    const clock = new ManualClock()
    const files = new PasswordFiles({ ...quick, log, clock, filesMax: 3, onLimit: () => forgotten++ })
    const named = (name: string) => files.named(join(directory, name))
    return { directory, files, named, forgotten: () => forgotten }
  }

  test("of many the one not asked for the longest time is forgotten", (t) => {
    const { named, forgotten } = bed(t, ["a", "b", "c", "d"])
    const [a, b] = [named("a"), named("b")]
    named("c")
    expect([named("a") === a, forgotten()]).toEqual([true, 0])
    named("d")
    expect([named("a") === a, named("b") === b, forgotten()]).toEqual([true, false, 2])
  })

  test("those that are not there take no place", (t) => {
    const { directory, named, forgotten } = bed(t, ["a"])
    const a = named("a")
    for (let i = 0; i < 10; i++) expect(named(`none-${i}`).check("a", "x")).toBe("unreadable")
    expect([named("a") === a, forgotten()]).toEqual([true, 0])
    writeFileSync(join(directory, "none-1"), "b:{PLAIN}x")
    expect(named("none-1").check("b", "x")).toBe(true)
  })

  test("what is no file is not read", (t) => {
    const { directory, files, named } = bed(t, [])
    execFileSync("mkfifo", [join(directory, "pipe")])
    symlinkSync("/dev/zero", join(directory, "device"))
    for (const name of ["pipe", "device", ".", ""]) {
      expect(named(name).check("a", "x"), name).toBe("unreadable")
      expect(files.of(join(directory, name)).check("a", "x"), name).toBe("unreadable")
    }
  })

  test("those of the configuration are kept without bound", () => {
    const { log } = new LogLines()
    const files = new PasswordFiles({
      ...quick,
      log,
      clock: new ManualClock(),
      filesMax: 1,
      onLimit: () => {},
    })
    const [a, b] = [files.of("a"), files.of("b")]
    expect([files.of("a") === a, files.of("b") === b]).toEqual([true, true])
  })

  test("that cannot be read are told of once a minute, and not all of their names", () => {
    const log = new LogLines()
    const clock = new ManualClock()
    const files = new PasswordFiles({ ...quick, log: log.log, clock, filesMax: 1, onLimit: () => {} })
    const told = () => log.saying("password file cannot be read").map(({ file }) => file)
    for (const file of ["/a", "/b"]) files.tellUnreadable(file)
    clock.advance(59_999)
    files.tellUnreadable("/c")
    expect(told()).toEqual(["/a"])
    clock.advance(1)
    files.tellUnreadable(`/${"d".repeat(5000)}`)
    expect(told()).toEqual(["/a", `/${"d".repeat(255)}`])
  })
})
