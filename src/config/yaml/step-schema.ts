import { z } from "zod"

/** A step as it is written: nginx's rewrite module in words of sluice.yaml. */
export type StepInput =
  | { set: string; to: string }
  | { rewrite: string; to: string; flag?: "last" | "break" | "redirect" | "permanent" | undefined }
  | { break: true }
  | { return: unknown }
  | (TestInput & { steps?: StepInput[] | undefined; route?: unknown })

/** What is looked at, and what is asked of it. */
export interface TestInput {
  if: string
  is?: (typeof OPERATORS)[number] | undefined
  text?: string | undefined
}

export const OPERATORS = [
  ...(["set", "unset", "=", "!=", "~", "!~", "~*", "!~*"] as const),
  ...(["-f", "!-f", "-d", "!-d", "-e", "!-e", "-x", "!-x"] as const),
] as const

/** Those that compare with `text`. */
export const COMPARING: ReadonlySet<string> = new Set(["=", "!=", "~", "!~", "~*", "!~*"])

const STEP_ERROR =
  'must be a step: a map with "set" and "to", "rewrite" and "to", "break: true", "return", or "if" and "steps"'

const testShape = (template: z.ZodType<string, string>) => ({
  if: template.describe("What is looked at."),
  is: z
    .enum(OPERATORS)
    .optional()
    .describe(
      "Neither empty nor 0 (set, the default), equal to text, met by a regex in text, or a kind of file.",
    ),
  text: z.string().optional().describe("What it is compared with."),
})

function checkText({ is = "set", text }: Pick<TestInput, "is" | "text">, context: z.RefinementCtx): void {
  if (COMPARING.has(is) === (text !== undefined)) return
  const message =
    text === undefined ? `needs a "text" with "is: ${is}"` : 'has a "text" that nothing compares'
  context.addIssue({ code: "custom", message })
}

/** A condition by itself. */
export function testSchema(template: z.ZodType<string, string>): z.ZodType<TestInput, TestInput> {
  return z.strictObject(testShape(template)).superRefine(checkText).meta({ id: "Test" }) as z.ZodType<
    TestInput,
    TestInput
  >
}

/**
 * Names without a dollar sign.
 *
 * @param answer what a `return` may be
 * @param route what may hold from an `if` on
 */
export function stepSchema(
  template: z.ZodType<string, string>,
  answer: z.ZodType,
  route: z.ZodType,
): z.ZodType<StepInput, StepInput> {
  const name = z.string().regex(/^\w+$/, { error: "must be the name of a variable, without its $" })
  const pattern = z.string().min(1)
  const flag = z.enum(["last", "break", "redirect", "permanent"]).optional()
  const condition = z
    .strictObject({
      ...testShape(template),
      get steps() {
        return z.array(step).optional()
      },
      get route() {
        return route.optional()
      },
    })
    .superRefine(checkText)
  const step: z.ZodType<StepInput, StepInput> = z
    .union(
      [
        z.strictObject({ set: name, to: template }),
        z.strictObject({ rewrite: pattern, to: template.refine((text) => text !== ""), flag }),
        z.strictObject({ break: z.literal(true) }),
        z.strictObject({ return: answer }),
        condition as unknown as z.ZodType<
          Extract<StepInput, { if: string }>,
          Extract<StepInput, { if: string }>
        >,
      ],
      { error: STEP_ERROR },
    )
    .meta({ id: "Step" }) as z.ZodType<StepInput, StepInput>
  return step
}
