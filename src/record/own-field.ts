import type { VariableSource } from "./variable-table.ts"
import { joined } from "./variables.ts"

/**
 * The variables that the value of field `name` may have. Where the name has `_`, as in
 * `grpc_set_header tenant_id $http_tenant_id`, `$http_tenant_id` is `tenant-id` as everywhere, and without one what the
 * client itself sent as `tenant_id`: such a line keeps it.
 *
 * @param name in lower case
 */
export function withOwnField(name: string, template: string, table: VariableSource): VariableSource {
  const variable = `http_${name.replaceAll("-", "_")}`
  const lower = template.toLowerCase()
  if (!name.includes("_") || (lower !== `$${variable}` && lower !== `\${${variable}}`)) return table
  return {
    find(asked) {
      const found = table.find(asked)
      return found && ((record, env) => found(record, env) ?? joined(record.requestHeaders, name, ", "))
    },
  }
}
