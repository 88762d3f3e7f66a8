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
const quick = { slowHashes: { check: () => null } }

/** As a client of its own asks. */
function asks(users: PasswordFile) {
  return async (user: string, password: string, client = "") => {
    const outcome = users.check(user, password, client)
    return typeof outcome === "object" ? outcome.answer : outcome
  }
}
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
    ...["00", "03"].map((cost): [string, string] => [
      `$2b$${cost}$${LONG.slice(0, 53)}`,
      "a cost that bcrypt does not have",
    ]),
    [`$2x$04$${LONG.slice(0, 53)}`, UNKNOWN],
    ["$5$", UNKNOWN],
    ["$5$salt", UNKNOWN],
    ["$5$saltsalt$short", UNKNOWN],
    [`$5$rounds=x$salt$${LONG.slice(0, 43)}`, UNKNOWN],
    ...["10", "999", "01000"].map((rounds): [string, string] => [
      `$5$rounds=${rounds}$salt$${LONG.slice(0, 43)}`,
      "rounds that crypt does not write",
    ]),
    ...["0123456789abcdefg", "s\xe4lt", "salt:", "a b"].map((salt): [string, string] => [
      `$6$${salt}$${LONG}`,
      "a salt that crypt does not write",
    ]),
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
    const exactly = (octets: string, length: number) =>
      fc.string({ unit: fc.constantFrom(...octets.split("")), minLength: length, maxLength: length })
    const octets = fc.string({ unit: fc.constantFrom(..."$.=/0159abAZ{}:é\0\n ".split("")), maxLength: 100 })
    const salt = fc.oneof(
      fc.constantFrom(
        "",
        "saltsalt",
        "0123456789abcdef",
        "0123456789abcdefg",
        "é",
        "a b",
        "a\nb",
        "rounds=1000",
      ),
      octets,
    )
    const tail = (length: number) => fc.oneof(exactly("./0Az", length), octets)
    const number = fc.constantFrom(
      "",
      "0",
      "1",
      "00",
      "03",
      "04",
      "05",
      "10",
      "999",
      "1000",
      "01000",
      "1001",
      "x",
    )
    const rounds = fc.oneof(
      fc.constant(""),
      number.map((each) => `rounds=${each}$`),
    )
    const joined = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((each) => each.join(""))
    const is = (text: string) => fc.constant(text)
    const hashes = fc.oneof(
      octets,
      joined(fc.constantFrom("$1$", "$apr1$"), salt, is("$"), tail(22)),
      joined(fc.constantFrom("$2$", "$2a$", "$2b$", "$2x$", "$2y$"), number, is("$"), tail(53)),
      joined(is("$5$"), rounds, salt, is("$"), tail(43)),
      joined(is("$6$"), rounds, salt, is("$"), tail(86)),
      joined(fc.constantFrom("{SHA}", "{SSHA}"), fc.oneof(octets, exactly("0Az", 27), exactly("0Az", 40))),
    )
    fc.assert(
      fc.property(hashes, (hash) => {
        expect(isPassword("secret", hash)).toBe(false)
      }),
      { numRuns: 500 },
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
    const slowHashes = new SlowHashes({ most: 24, log: log.log, clock: new ManualClock(), onLimit() {} })
    t.onTestFinished(() => slowHashes.close())
    return { path, log, slowHashes, users: new PasswordFile(path, { log: log.log, slowHashes }) }
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
      return users.check(both.slice(0, at), both.slice(at + 1), "") === true
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
    expect([users.check("ann", "a", ""), users.check("ann", "a", "")]).toEqual([true, true])
    writeFileSync(path, "ann:{PLAIN}b")
    utimesSync(path, 1, 1)
    expect([users.check("ann", "a", ""), users.check("ann", "b", "")]).toEqual([false, true])
  })

  test.for(Object.entries(HASHES))("whose hash is %s", async ([, hash], t) => {
    const { users } = fileOf(t, `ann:${hash}`)
    const ask = asks(users)
    expect([await ask("ann", "secre"), await ask("ann", "secret"), users.check("ann", "secret", "")]).toEqual(
      [false, true, true],
    )
  })

  test("with slow hashes: so many of a client are looked at, the same password once", async (t) => {
    const ask = asks(fileOf(t, `ann:${HASHES.bcrypt}`).users)
    const told = ["secret", "secret", "a", "b", "c", "a"].map((password) => ask("ann", password))
    expect(await ask("ann", "d", "another client")).toBe(false)
    expect(await Promise.all(told)).toEqual([true, true, false, false, "busy", false])
    expect(await ask("ann", "c")).toBe(false)
  })

  test("a password is given up once none of its callers waits", async (t) => {
    const { users } = fileOf(t, `ann:${HASHES.bcrypt}`)
    const begin = (password: string) => {
      const outcome = users.check("ann", password, "")
      return typeof outcome === "object" ? outcome : expect.fail(`${outcome}`)
    }
    const [looked, one, other, third] = ["a", "secret", "secret", "b"].map(begin)
    expect(users.check("ann", "c", "")).toBe("busy")
    one!.giveUp()
    one!.giveUp()
    expect(users.check("ann", "c", "")).toBe("busy")
    third!.giveUp()
    const again = begin("b")
    looked!.giveUp()
    expect(users.check("ann", "c", "")).toBe("busy")
    expect(await Promise.all([looked!.answer, other!.answer, again.answer])).toEqual([false, true, false])
  })

  test("whose slow hash is looked at by a thread that ends lets no caller in, and the next has another", async (t) => {
    const { users, slowHashes, log } = fileOf(t, `ann:${HASHES.bcrypt}\nbob:${HASHES.$6$}`)
    const ask = asks(users)
    const told = [ask("ann", "secret"), ask("bob", "secret")]
    slowHashes.close()
    expect(await Promise.all(told)).toEqual(["unavailable", "unavailable"])
    expect([await ask("ann", "secret"), log.lines]).toEqual([true, []])
  })

  test("that is gone, or too large, lets nobody in", (t) => {
    const { users, path } = fileOf(t, "ann:{PLAIN}a")
    expect(users.check("ann", "a", "")).toBe(true)
    rmSync(path)
    expect(users.check("ann", "a", "")).toBe("unreadable")
    writeFileSync(path, `ann:{PLAIN}a\n${"#".repeat(17 * 1024 * 1024)}`)
    expect(users.check("ann", "a", "")).toBe("unreadable")
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
    for (let i = 0; i < 10; i++) expect(named(`none-${i}`).check("a", "x", "")).toBe("unreadable")
    expect([named("a") === a, forgotten()]).toEqual([true, 0])
    writeFileSync(join(directory, "none-1"), "b:{PLAIN}x")
    expect(named("none-1").check("b", "x", "")).toBe(true)
  })

  test("what is no file is not read", (t) => {
    const { directory, files, named } = bed(t, [])
    execFileSync("mkfifo", [join(directory, "pipe")])
    symlinkSync("/dev/zero", join(directory, "device"))
    for (const name of ["pipe", "device", ".", ""]) {
      expect(named(name).check("a", "x", ""), name).toBe("unreadable")
      expect(files.of(join(directory, name)).check("a", "x", ""), name).toBe("unreadable")
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
