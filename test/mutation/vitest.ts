import { expect, vi } from "vitest"

/*
 * Stands in for vitest in the test files that a mutation run loads: it gathers tests as functions, so that one loaded copy
 * of the code can run the same test thousands of times, at the cost of the test alone. `expect` and `vi` are vitest's.
 */

/** What a test is handed; the part of vitest's `TestContext` that tests of this project use. */
interface Context {
  onTestFinished(cleanUp: () => unknown): void
  skip(): never
}

type Body = (...args: never[]) => unknown
type Hook = () => unknown

/** A `describe`: its hooks and what it stands in. */
export class Suite {
  readonly name: string
  readonly parent: Suite | null
  readonly isSkipped: boolean
  readonly before: Hook[] = []
  readonly beforeEach: Hook[] = []
  readonly afterEach: Hook[] = []
  readonly after: Hook[] = []
  /** The hooks of `before` have run. */
  hasBegun = false

  constructor(name: string, parent: Suite | null, isSkipped: boolean) {
    this.name = name
    this.parent = parent
    this.isSkipped = isSkipped || parent?.isSkipped === true
  }

  /** From the outermost on. */
  get path(): Suite[] {
    return this.parent === null ? [this] : [...this.parent.path, this]
  }
}

export interface TestCase {
  readonly name: string
  readonly suite: Suite
  readonly body: (context: Context) => unknown
}

let suite = new Suite("", null, false)
let tests: TestCase[] = []
let cleanUps: Hook[] = []

/** The tests that `load` declares, those left out by `skipIf` and the like not among them. */
export async function collect(load: () => Promise<unknown>): Promise<TestCase[]> {
  suite = new Suite("", null, false)
  tests = []
  await load()
  return tests
}

class Skipped extends Error {}

/** A test that has begun. */
export interface RunningTest {
  /** Rejects with what the test throws, or its hooks. */
  readonly ended: Promise<void>
  /** Runs what is left of its hooks, where it does not end by itself. */
  abandon(): Promise<void>
}

export function runTest(test: TestCase): RunningTest {
  const own: Hook[] = []
  let cleaning: Promise<void> | null = null
  const clean = (): Promise<void> => (cleaning ??= cleanUpAfter(test, own))
  return { ended: runBody(test, own).finally(clean), abandon: clean }
}

/** `own`: where it puts its clean-ups. One that hung may yet end, while another runs. */
async function runBody({ suite: { path }, body }: TestCase, own: Hook[]): Promise<void> {
  cleanUps = own
  for (const one of path) {
    if (one.hasBegun) continue
    for (const hook of one.before) await hook()
    one.hasBegun = true
  }
  for (const one of path) for (const hook of one.beforeEach) await hook()
  try {
    const result = body({ onTestFinished: (cleanUp) => void own.push(cleanUp), skip })
    if (result instanceof Promise) await result
  } catch (error) {
    if (!(error instanceof Skipped)) throw error
  }
}

async function cleanUpAfter({ suite: { path } }: TestCase, own: readonly Hook[]): Promise<void> {
  for (const one of path.toReversed()) for (const hook of one.afterEach) await hook()
  for (const cleanUp of own.toReversed()) await cleanUp()
}

/** What `beforeAll` began ends. */
export async function endSuites(cases: readonly TestCase[]): Promise<void> {
  const begun = new Set(cases.flatMap((one) => one.suite.path).filter((one) => one.hasBegun))
  for (const one of begun) for (const hook of one.after) await hook()
}

function onTestFinished(cleanUp: Hook): void {
  cleanUps.push(cleanUp)
}

function skip(): never {
  throw new Skipped()
}

function declare(name: string, body: (context: Context) => unknown, isSkipped: boolean): void {
  if (!isSkipped && !suite.isSkipped) tests.push({ name, suite, body })
}

function open(name: string, body: Hook, isSkipped: boolean): void {
  const outer = suite
  suite = new Suite(name, outer, isSkipped)
  body()
  suite = outer
}

/** `body` may stand before or behind the options, as in vitest. */
function bodyOf(args: readonly unknown[]): Body {
  return args.find((arg): arg is Body => typeof arg === "function") ?? (() => {})
}

type Row = readonly unknown[]
type Declare = (name: string, body: (context: Context) => unknown, isSkipped: boolean) => void

/** `test` or `describe`, with what hangs on them. */
function api(declareOne: Declare, isSkipped: boolean): object {
  const make = (name: string, ...args: unknown[]): void =>
    declareOne(name, bodyOf(args) as (context: Context) => unknown, isSkipped)
  const table =
    (apply: (body: Body, row: unknown, context: Context) => unknown) =>
    (rows: Row) =>
    (name: string, ...args: unknown[]): void => {
      const body = bodyOf(args)
      for (const [index, row] of rows.entries())
        declareOne(`${name} #${index}`, (context) => apply(body, row, context), isSkipped)
    }
  const each = table((body, row) => body(...((Array.isArray(row) ? row : [row]) as never[])))
  const forEach = table((body, row, context) => body(row as never, context as never))
  return Object.assign(make, {
    each,
    for: forEach,
    skipIf: (is: unknown) => api(declareOne, isSkipped || Boolean(is)),
    runIf: (is: unknown) => api(declareOne, isSkipped || !is),
    skip: isSkipped ? make : api(declareOne, true),
    concurrent: make,
  })
}

const test = api(declare, false)
const describe = api((name, body, isSkipped) => open(name, body as Hook, isSkipped), false)
const beforeAll = (hook: Hook): void => void suite.before.push(hook)
const beforeEach = (hook: Hook): void => void suite.beforeEach.push(hook)
const afterEach = (hook: Hook): void => void suite.afterEach.push(hook)
const afterAll = (hook: Hook): void => void suite.after.push(hook)

export { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi }
