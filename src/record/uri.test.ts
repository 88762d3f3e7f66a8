import { expect, test } from "vitest"
import { normalizeUri, queryOf } from "./uri.ts"

test.each([
  ["/chat.Chat/BidStream", "/chat.Chat/BidStream"],
  ["/a?b=/../c", "/a"],
  ["/a#b", "/a"],
  ["/a//b///c", "/a/b/c"],
  ["//a", "/a"],
  ["/a/./b", "/a/b"],
  ["/a/../b", "/b"],
  ["/a/b/..", "/a/"],
  ["/a/.", "/a/"],
  ["/a/..", "/"],
  ["/a//../b", "/b"],
  ["/...", "/..."],
  ["/.a/..b", "/.a/..b"],
  ["/%61%2e", "/a."],
  ["/a/%2E%2e/b", "/b"],
  ["/a%2Fb%2f%2e%2e", "/a/"],
  ["/a%252F", "/a%2F"],
  ["/a%3Fb?c", "/a?b"],
  ["/a%23b", "/a#b"],
  ["/a+b", "/a+b"],
  ["/%E6%94%B6", "/\xe6\x94\xb6"],
  ["*", "*"],
  ["/..", null],
  ["/a/../../b", null],
  ["/%2e%2e/a", null],
  ["/a%", null],
  ["/a%4", null],
  ["/a%zz", null],
  ["/a%00", null],
])("%s is %s", (path, uri) => {
  expect(normalizeUri(path)).toBe(uri)
})

test.each([
  ["/a//b///c", "/a//b///c"],
  ["//", "//"],
  ["/%2Fa/", "//a/"],
  ["/a//../b", "/a/b"],
  ["/a/.//b/.", "/a//b/"],
  ["//../..", null],
])("where slashes are kept %s is %s", (path, uri) => {
  expect(normalizeUri(path, true)).toBe(uri)
})

test.each([
  ["/a", ""],
  ["/a?", ""],
  ["/a?b", "b"],
  ["/a?b?c", "b?c"],
])("the query of %s is %s", (path, query) => {
  expect(queryOf(path)).toBe(query)
})
