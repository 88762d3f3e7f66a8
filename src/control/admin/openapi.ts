import { z } from "zod"
import { VERSION } from "../../base/version.ts"
import type { AdminRoute } from "./route.ts"
import { errorAnswer } from "./schema.ts"

/** The OpenAPI 3.1 document of the admin API, from the shapes that it answers with. */
export function openApi(routes: readonly AdminRoute[]): object {
  const paths: Record<string, Record<string, object>> = {}
  const schemas: Schemas = {}
  for (const route of routes) {
    paths[route.path] ??= {}
    paths[route.path]![route.method.toLowerCase()] = operationOf(route, schemas)
  }
  return {
    openapi: "3.1.1",
    info: { title: "Sluice admin API", version: VERSION },
    security: [{}, { token: [] }],
    paths,
    components: { schemas, securitySchemes: { token: { type: "http", scheme: "bearer" } } },
  }
}

function operationOf(
  { path, summary, openness, query = {}, body, answer }: AdminRoute,
  schemas: Schemas,
): object {
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => {
      return { name, in: "path", required: true, schema: { type: "string" } }
    }),
    ...Object.entries(query).map(([name, description]) => {
      return { name, in: "query", description, schema: { type: "string" } }
    }),
  ]
  return {
    summary,
    ...(openness === "open" && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: { content: { "application/json": { schema: schemaOf(body, "input", schemas) } } },
    }),
    responses: {
      200:
        answer instanceof z.ZodType
          ? {
              description: "OK",
              content: { "application/json": { schema: schemaOf(answer, "output", schemas) } },
            }
          : { description: answer.description, content: { [answer.contentType]: {} } },
      default: {
        description: "Why not.",
        content: { "application/json": { schema: schemaOf(errorAnswer, "output", schemas) } },
      },
    },
  }
}

type Schemas = Record<string, object>

/** A shape with a name is put into `schemas`, and referred to. */
function schemaOf(shape: z.ZodType, io: "input" | "output", schemas: Schemas): object {
  const { $schema: _, ...document } = z.toJSONSchema(shape, { io })
  const moved = JSON.stringify(document).replaceAll('"#/$defs/', '"#/components/schemas/')
  const { $defs = {}, ...schema } = JSON.parse(moved) as { $defs?: Schemas }
  Object.assign(schemas, $defs)
  return schema
}
