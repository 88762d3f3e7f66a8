/** `files:` of a route, both ways. */
import { z } from "zod"
import { type Default, defaults, says } from "../defaults-table.ts"
import { type FilesConfig, nginxTypes } from "../files-model.ts"

/** Shape of `files`. */
export const filesSchema = (template: z.ZodString) => {
  const { files } = defaults
  const flag = (what: string, byDefault: Default<boolean>) =>
    z.boolean().optional().describe(says(what, byDefault))
  return z.strictObject({
    root: template.min(1).describe("Directory of the files."),
    replaces: z
      .union([z.int().min(0), z.literal("all")])
      .optional()
      .describe(says("Octets of the path that root takes the place of.", files.replaces)),
    index: z.array(template).optional().describe(says("Looked for in directories.", files.index)),
    tryFiles: z
      .array(template)
      .min(2)
      .optional()
      .describe(says("Paths that are looked for; the last is =code, @name or a path.", files.tryFiles)),
    types: z
      .record(z.string(), z.string())
      .optional()
      .describe(says("Media types by extension.", files.types)),
    defaultType: z.string().optional().describe(says("Of other files.", files.defaultType)),
    etag: flag("", files.etag),
    ifModifiedSince: z
      .enum(["off", "exact", "before"])
      .optional()
      .describe(says("When a file counts as not modified.", files.ifModifiedSince)),
    maxRanges: z
      .int()
      .min(0)
      .optional()
      .describe(says("Ranges of one request; with more the file is sent whole.", files.maxRanges)),
  })
}

type FilesInput = z.input<ReturnType<typeof filesSchema>>

export function readFiles(input: FilesInput): FilesConfig {
  const written = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
  return { ...defaultFiles(), ...written } as FilesConfig
}

export function writeFiles(files: FilesConfig): Record<string, unknown> {
  const byDefault = defaultFiles() as unknown as Record<string, unknown>
  return Object.fromEntries(
    Object.entries(files).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(byDefault[name]),
    ),
  )
}

function defaultFiles(): Omit<FilesConfig, "root"> {
  const { files } = defaults
  return {
    replaces: files.replaces.value,
    index: [...files.index.value],
    tryFiles: [],
    types: { ...nginxTypes },
    defaultType: files.defaultType.value,
    etag: files.etag.value,
    ifModifiedSince: files.ifModifiedSince.value,
    maxRanges: files.maxRanges.value,
  }
}
