import { describe, expect, test } from "vitest"
import { inClusterAccess, kubeconfigAccess } from "./kubernetes-access.ts"

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"

describe("in a pod", () => {
  const files: Record<string, string> = {
    [`${ACCOUNT}/token`]: "one\n",
    [`${ACCOUNT}/ca.crt`]: "CA",
    [`${ACCOUNT}/namespace`]: "chat",
  }
  const read = (path: string) => files[path]!

  test.for([
    ["10.0.0.1", "443", "https://10.0.0.1:443"],
    ["fd00::1", "6443", "https://[fd00::1]:6443"],
  ])("%s %s: %s", ([host, port, url]) => {
    const environment = { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port }
    const access = inClusterAccess(() => 0, { environment, read })
    expect(access).toMatchObject({ baseUrl: url, tls: { ca: "CA" }, namespace: "chat" })
  })

  test("the token is read again each minute, and kept while it cannot be", () => {
    let nowMs = 0
    const changing = { ...files }
    const environment = { KUBERNETES_SERVICE_HOST: "10.0.0.1" }
    const { headers } = inClusterAccess(() => nowMs, {
      environment,
      read: (path) => {
        if (changing[path] === undefined) throw new Error("gone")
        return changing[path]
      },
    })
    const token = () => headers!().authorization
    changing[`${ACCOUNT}/token`] = "two"
    nowMs = 59_999
    expect(token()).toBe("Bearer one")
    nowMs = 60_000
    expect(token()).toBe("Bearer two")
    delete changing[`${ACCOUNT}/token`]
    nowMs = 120_000
    expect(token()).toBe("Bearer two")
  })

  test("elsewhere it says what to do", () => {
    expect(() => inClusterAccess(() => 0, { environment: {}, read })).toThrow("name a kubeconfig")
  })
})

describe("by a kubeconfig", () => {
  const config = (user: string, cluster = "{ server: 'https://k:6443', certificate-authority: ca.pem }") => `
current-context: here
contexts: [{ name: here, context: { cluster: c, user: u, namespace: chat } }]
clusters: [{ name: c, cluster: ${cluster} }]
users: [{ name: u, user: ${user} }]`
  const accessOf = (text: string) =>
    kubeconfigAccess("/home/me/.kube/config", () => 0, {
      read: (path) => (path === "/home/me/.kube/config" ? text : `content of ${path}`),
    })

  test.for([
    ["{ token: t }", { authorization: "Bearer t" }, {}],
    ["{ tokenFile: /t }", { authorization: "Bearer content of /t" }, {}],
    [
      `{ client-certificate: /c.pem, client-key-data: ${Buffer.from("KEY").toString("base64")} }`,
      {},
      { cert: "content of /c.pem", key: "KEY" },
    ],
  ] as const)("%s", ([user, headers, tls]) => {
    const access = accessOf(config(user))
    expect(access.headers!()).toEqual(headers)
    expect(access).toMatchObject({ baseUrl: "https://k:6443", namespace: "chat" })
    expect(access.tls).toEqual({ ca: "content of /home/me/.kube/ca.pem", verify: true, ...tls })
  })

  test.for([
    [config("{ exec: { command: aws } }"), "users that run a program to log in are not supported"],
    [config("{}", "{}"), "its cluster has no server"],
    ["", 'there is no context ""'],
    ["current-context: x", 'there is no context "x"'],
  ] as const)("%o: %s", ([text, reason]) => {
    expect(() => accessOf(text)).toThrow(`kubeconfig /home/me/.kube/config: ${reason}`)
  })

  test("a server whose certificate is not to be checked", () => {
    expect(accessOf(config("{}", "{ server: 'https://k', insecure-skip-tls-verify: true }")).tls).toEqual({
      verify: false,
    })
  })
})
