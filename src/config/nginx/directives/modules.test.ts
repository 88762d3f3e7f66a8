import { expect, test } from "vitest"
import { MODULES, moduleSpecOf } from "./modules.ts"
import { specsOf } from "./table.ts"

test.each([
  ["brotli_comp_level", "no effect"],
  ["lua_package_path", "no effect"],
  ["lua_kong_load_var_index", "not supported"],
  ["js_import", "no effect"],
  ["js_content", "not supported"],
  ["app_protect_security_log_enable", "not supported"],
  ["modsecurity_rules_remote", "not supported"],
  ["geoip2_proxy_recursive", "not supported"],
  ["more_set_headers", "left out"],
  ["more_set_input_headers", "not supported"],
  ["grpc_web_max_frame_size", "no effect"],
  ["grpc_ssl_sign_certificate", "not supported"],
  ["check_http_send", "not supported"],
  ["shib_request_use_headers", "not supported"],
  ["jvm_route", "not supported"],
  ["vhost_traffic_status_zone", "no effect"],
])("%s: %s", (name, verdict) => {
  expect(moduleSpecOf(name)?.verdict).toBe(verdict)
})

test.each(["lisen", "grpc_pas", "proxy_set_headers", "brotl", "server"])("no module brings %s", (name) => {
  expect(moduleSpecOf(name)).toBeNull()
})

test("no name is both nginx's own and a module's", () => {
  const names = MODULES.flatMap(({ names }) => names.trim().split(/\s+/)).filter(
    (name) => !name.includes("*"),
  )
  expect(names.filter((name) => specsOf(name).length > 0)).toEqual([])
  expect(names.length).toBe(new Set(names).size)
})
