import { expect, test } from "vitest"
import { oneLine } from "./tls-peer.ts"

/** What nginx has of the same certificates. */
test.each([
  ["CN=ca", "/CN=ca"],
  [undefined, "/"],
  ["O=x\nCN=ann", "/O=x/CN=ann"],
  ["CN=b + OU=c", "/CN=b+OU=c"],
  ["CN=a \\+ b", "/CN=a + b"],
  ["CN=a\\0D\\0AX-Admin: 1", "/CN=a\\x0D\\x0AX-Admin: 1"],
  ["CN=a\\09b\\7Fc\\01", "/CN=a\\x09b\\x7Fc\\x01"],
  ["CN=\u674e\u00e9", "/CN=\\xE6\\x9D\\x8E\\xC3\\xA9"],
  ['CN=\\ ann \\"q\\" \\<x\\>\\;#', '/CN= ann "q" <x>;#'],
  ["CN=a\\\\b=c", "/CN=a\\b=c"],
  ["CN=a\\\\0D", "/CN=a\\0D"],
])("a name in one line: %j", (name, expected) => expect(oneLine(name)).toBe(expected))
