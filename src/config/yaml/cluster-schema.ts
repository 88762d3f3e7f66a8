/** A cluster as `sluice.yaml` has it: its endpoints, where they come from, how one is chosen, and how they are watched. */
import { z } from "zod"
import { isApiUrl, isNameServer } from "../address.ts"
import { defaults, says } from "../defaults-table.ts"
import { policyMeasures, policyNames } from "../policy-names.ts"
import { discoveryKinds } from "./discovery-fields.ts"
import {
  ADDRESS_ERROR,
  checked,
  count,
  countOrNone,
  duration,
  durationOf,
  durationOrNone,
  endpointAddress,
  grpcStatus,
  matching,
  oneOrMany,
  someDuration,
  someDurationOrNone,
  template,
  text,
} from "./field-schemas.ts"
import { DURATION } from "./scalars.ts"

const COOKIE_VALUE = /^[!#-+\--:<-[\]-~]+$/
const SAME_SITE_ERROR = "must be strict, lax, none or a template"
const sticky = z
  .strictObject({
    cookie: matching(/^[A-Za-z0-9_]+$/, "must be a cookie's name: letters, digits and _"),
    expires: durationOf(new RegExp(`${DURATION.source}|^max$`), 'must be a time such as "1h", or "max"')
      .optional()
      .describe(says("How long a browser keeps it.", defaults.sticky.expires)),
    domain: template.optional(),
    path: matching(/^[ -:<-~]+$/, 'must be a path, without ";"').optional(),
    httpOnly: z.boolean().optional().describe(says("", defaults.sticky.httpOnly)),
    secure: z.boolean().optional().describe(says("", defaults.sticky.secure)),
    sameSite: template
      .refine((value) => value.includes("$") || /^(strict|lax|none)$/i.test(value), {
        error: SAME_SITE_ERROR,
      })
      .optional(),
  })
  .meta({ id: "Sticky" })

const endpointObject = z
  .strictObject({
    address: endpointAddress,
    weight: count().optional().describe(says("", defaults.endpoint.weight)),
    maxFails: count(0)
      .optional()
      .describe(says("Failures that take it out; 0: never.", defaults.endpoint.maxFails)),
    failTimeout: duration
      .optional()
      .describe(says("Within which they count, and for how long it is out.", defaults.endpoint.failTimeout)),
    maxStreams: countOrNone()
      .optional()
      .describe(says("Streams open at once.", defaults.endpoint.maxStreams)),
    backup: z.boolean().optional().describe(says("Used when no other is up.", defaults.endpoint.backup)),
    down: z.boolean().optional().describe(says("", defaults.endpoint.down)),
    slowStart: duration
      .optional()
      .describe(says("Time in which it comes to its full share; 0s: at once.", defaults.endpoint.slowStart)),
    route: matching(COOKIE_VALUE, "must be text that a cookie may hold")
      .optional()
      .describe(says("What a sticky cookie calls it.", defaults.endpoint.route)),
    hashKey: text().optional().describe(says("What hashes place it by.", defaults.endpoint.hashKey)),
  })
  .meta({ id: "Endpoint" })

const endpoints = z
  .array(z.union([endpointAddress, endpointObject], { error: `${ADDRESS_ERROR}, or a map with one` }))
  .min(1)

const API_URL_ERROR =
  'must be an address such as "http://127.0.0.1:2379" or "https://etcd.example:2379", without a path'
const apiUrl = checked(API_URL_ERROR, isApiUrl)
const apiTls = {
  ca: text().optional().describe("File of trusted certificates."),
  cert: text().optional().describe("Our certificate, for a server that asks."),
  key: text().optional(),
}
const discovery = z
  .strictObject({
    file: text().optional().describe("YAML or JSON: a list of endpoints, read again when it changes."),
    dns: z
      .strictObject({
        name: text().describe("Host name."),
        service: text().describe('As in nginx: "grpc" asks for SRV records of _grpc._tcp.NAME.'),
      })
      .optional()
      .describe("SRV records, with port, priority and weight."),
    etcd: z
      .strictObject({
        urls: oneOrMany(apiUrl, `${API_URL_ERROR}, or a list of those`),
        prefix: text().describe("Endpoints are the keys below it, as gRPC's naming lays them out."),
        user: text().optional(),
        passwordFile: text().optional(),
        ...apiTls,
      })
      .optional()
      .describe("etcd, version 3."),
    consul: z
      .strictObject({
        url: apiUrl,
        service: text(),
        datacenter: text().optional(),
        tags: z.array(text()).optional().describe("An instance must have all of them."),
        tokenFile: text().optional(),
        ...apiTls,
      })
      .optional()
      .describe("Instances of a service whose checks pass."),
    kubernetes: z
      .strictObject({
        service: text(),
        namespace: text()
          .optional()
          .describe("Where it is not given: that of the account or of the context."),
        port: z
          .union([text(), z.int().min(1).max(65535)], { error: "must be the name or the number of a port" })
          .optional()
          .describe("Where it is not given: the Service's only port."),
        kubeconfig: text().optional().describe("Where it is not given: the account of the pod."),
      })
      .optional()
      .describe("EndpointSlices of a Service."),
    xds: oneOrMany(text(), "must be a name or a list of names")
      .optional()
      .describe("Names of services that the control plane of --xds tells of."),
    ...endpointObject.omit({ address: true }).shape,
  })
  .refine((value) => discoveryKinds.filter((kind) => value[kind] !== undefined).length === 1, {
    error: `must have one of ${discoveryKinds.join(", ")}`,
  })
  .meta({ id: "Discovery" })

const NAME_SERVER_ERROR = "must be the address of a name server: address, address:port or [v6]:port"
const resolver = z
  .strictObject({
    servers: z
      .array(checked(NAME_SERVER_ERROR, isNameServer))
      .optional()
      .describe("Name servers; where there are none, those of the system."),
    valid: someDurationOrNone
      .optional()
      .describe(says("Asked again so often, whatever the TTL.", defaults.resolver.valid)),
    ipv4: z.boolean().optional().describe(says("", defaults.resolver.ipv4)),
    ipv6: z.boolean().optional().describe(says("", defaults.resolver.ipv6)),
  })
  .meta({ id: "Resolver" })

const percent = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

const policyName = z.enum(policyNames)
const BALANCE_FACTOR_ERROR = 'must be a whole number from 100, in percent, or "none"'
const policy = z
  .union(
    [
      policyName,
      z.strictObject({
        name: policyName,
        key: template.optional().describe("What is hashed, with $variables."),
        balanceFactor: z
          .union([z.int().min(100).max(100_000), z.literal("none")], { error: BALANCE_FACTOR_ERROR })
          .optional()
          .describe(
            says("Most streams of an endpoint, in percent of the mean.", defaults.cluster.balanceFactor),
          ),
        by: z.enum(policyMeasures).optional().describe(says("What is compared.", defaults.cluster.policyBy)),
        inflight: z
          .boolean()
          .optional()
          .describe(says("Calls without an answer yet count too.", defaults.cluster.inflight)),
      }),
    ],
    { error: "must be the name of a policy, or a map with a name" },
  )
  .meta({ id: "Policy" })

const AGGRESSION_ERROR = "must be a number from 0.1 to 10"
const slowStart = z
  .strictObject({
    window: duration.optional().describe(says("How long it takes.", defaults.cluster.slowStartWindow)),
    aggression: z
      .number({ error: AGGRESSION_ERROR })
      .min(0.1, { error: AGGRESSION_ERROR })
      .max(10, { error: AGGRESSION_ERROR })
      .optional()
      .describe(
        says("1: the share grows evenly; more: faster at first.", defaults.cluster.slowStartAggression),
      ),
    minWeight: percent(1, 100)
      .optional()
      .describe(says("Share to begin with, in percent.", defaults.cluster.slowStartMinWeight)),
  })
  .meta({ id: "SlowStart" })

const healthCheck = z
  .strictObject({
    type: z
      .enum(["grpc", "http", "tcp"])
      .optional()
      .describe(
        says("grpc.health.v1, HTTP/1.1, or that it accepts a connection.", defaults.healthCheck.type),
      ),
    uri: checked("must begin with a slash, without white space", (value) => /^\/[!-~]*$/.test(value))
      .optional()
      .describe(says("With http: what is asked for.", defaults.healthCheck.uri)),
    match: z
      .strictObject({
        status: z.array(z.string()).optional().describe('Lists such as "200 204", "200-399", "! 500-599".'),
        headers: z
          .array(z.string())
          .optional()
          .describe('"Name", "! Name", "Name = text", "Name != text", "Name ~ regex", "Name !~ regex".'),
        body: z.array(z.string()).optional().describe('"~ regex", "!~ regex"; of its first 256k.'),
      })
      .optional()
      .describe(says("With http: tests that the answer must pass, all.", defaults.healthCheck.match)),
    send: text()
      .optional()
      .describe(says("With tcp: what it is sent; \\x0a is an octet.", defaults.healthCheck.send)),
    expect: text()
      .optional()
      .describe(says('With tcp: what must come, "= text" or "~ regex".', defaults.healthCheck.expect)),
    service: z
      .string()
      .optional()
      .describe(says("The service that is asked for.", defaults.healthCheck.service)),
    grpcStatus: grpcStatus
      .optional()
      .describe(says("Counts as healthy too.", defaults.healthCheck.grpcStatus)),
    watch: z
      .boolean()
      .optional()
      .describe(
        says("A Watch stream too: not serving any more is known at once.", defaults.healthCheck.watch),
      ),
    interval: someDuration.optional().describe(says("", defaults.healthCheck.interval)),
    jitter: duration
      .optional()
      .describe(says("Added at random, up to so much.", defaults.healthCheck.jitter)),
    timeout: someDuration.optional().describe(says("For one check.", defaults.healthCheck.timeout)),
    passes: count().optional().describe(says("In a row, until it is healthy.", defaults.healthCheck.passes)),
    fails: count().optional().describe(says("In a row, until it is unhealthy.", defaults.healthCheck.fails)),
    port: z
      .int()
      .min(1)
      .max(65535)
      .optional()
      .describe(says("Where it is asked.", defaults.healthCheck.port)),
    mandatory: z
      .boolean()
      .optional()
      .describe(says("No streams before it has passed.", defaults.healthCheck.mandatory)),
  })
  .meta({ id: "HealthCheck" })

const { outliers } = defaults
const STDEV_ERROR = "must be a whole number from 1: thousandths of a standard deviation"
const outlierDetection = z
  .strictObject({
    interval: someDuration.optional().describe(says("Between two readings.", outliers.interval)),
    baseEjectionTime: someDuration
      .optional()
      .describe(says("Times how often it was ejected in a row.", outliers.baseEjectionTime)),
    maxEjectionTime: someDuration.optional().describe(says("", outliers.maxEjectionTime)),
    maxEjectionPercent: percent(0, 100)
      .optional()
      .describe(says("Of the endpoints, at once; one at least.", outliers.maxEjectionPercent)),
    consecutiveFailures: countOrNone().optional().describe(says("In a row.", outliers.consecutiveFailures)),
    successRate: z
      .union(
        [
          z.strictObject({
            stdevFactor: z
              .int({ error: STDEV_ERROR })
              .min(1, { error: STDEV_ERROR })
              .optional()
              .describe(says("Below the mean, in thousandths.", outliers.successRateStdevFactor)),
            minimumHosts: count().optional().describe(says("", outliers.successRateMinimumHosts)),
            requestVolume: count().optional().describe(says("", outliers.successRateRequestVolume)),
          }),
          z.literal("none"),
        ],
        { error: 'must be a map, or "none"' },
      )
      .optional()
      .describe("A success rate far below the mean of the endpoints."),
    failurePercentage: z
      .strictObject({
        threshold: percent(1, 100)
          .optional()
          .describe(says("In percent.", outliers.failurePercentageThreshold)),
        minimumHosts: count().optional().describe(says("", outliers.failurePercentageMinimumHosts)),
        requestVolume: count().optional().describe(says("", outliers.failurePercentageRequestVolume)),
      })
      .optional()
      .describe(says("So many of all calls fail.", outliers.failurePercentage)),
  })
  .meta({ id: "OutlierDetection" })

const { rebalance: moves } = defaults
const rebalance = z
  .strictObject({
    tolerance: percent(0, 1000)
      .optional()
      .describe(says("More than its share an endpoint may have, in percent.", moves.tolerance)),
    after: duration.optional().describe(says("So long there are more before any moves.", moves.after)),
    dwell: duration.optional().describe(says("A stream that has moved stays so long.", moves.dwell)),
    streamsPerSecond: count()
      .optional()
      .describe(says("Most that move; a hundredth of the cluster's at most.", moves.streamsPerSecond)),
    maxStreamAge: durationOrNone
      .optional()
      .describe(says("Older ones end where too few can move.", moves.maxStreamAge)),
  })
  .meta({ id: "Rebalance" })

const limit = (what: string) => countOrNone(0).optional().describe(says(what, defaults.cluster.limit))
const clusterLimits = z
  .strictObject({
    streams: limit("Streams open."),
    waitingStreams: limit("Streams that wait for a connection."),
    connections: limit("Connections to all endpoints; one each is always allowed."),
    retries: limit("Retries under way."),
  })
  .meta({ id: "ClusterLimits" })

const queue = z
  .strictObject({
    streams: count().describe("Most that wait at once, over all data threads."),
    timeout: someDuration.optional().describe(says("How long one waits.", defaults.cluster.queueTimeout)),
  })
  .meta({ id: "Queue" })

const clusterShape = {
  protocol: z
    .enum(["http", "tcp"])
    .optional()
    .describe(says("tcp: of servers of tcp alone.", defaults.cluster.protocol)),
  policy: policy.optional().describe(says("How endpoints are chosen.", defaults.cluster.policy)),
  endpoints: endpoints.optional(),
  discovery: z
    .array(discovery)
    .min(1)
    .optional()
    .describe("Where endpoints come from besides those; docs/operating.md."),
  resolver: resolver.optional().describe("Who is asked for the addresses of names."),
  slowStart: slowStart.optional().describe("Endpoints that join or are back get a growing share."),
  outlierDetection: outlierDetection
    .optional()
    .describe(says("Endpoints that fail more than others are left out.", defaults.cluster.outlierDetection)),
  rebalance: rebalance
    .optional()
    .describe(says("Live streams move to endpoints that have too few.", defaults.cluster.rebalance)),
  sticky: sticky
    .optional()
    .describe(says("Clients come back to their endpoint by a cookie.", defaults.cluster.sticky)),
  queue: queue
    .optional()
    .describe(says("Streams that find every endpoint at its maxStreams wait.", defaults.cluster.queue)),
  limits: clusterLimits.optional().describe("Circuit breakers, over all data threads."),
  panicThreshold: percent(0, 100)
    .optional()
    .describe(
      says(
        "Below such a share of healthy endpoints, in percent, all are used.",
        defaults.cluster.panicThreshold,
      ),
    ),
  maxStreamsPerConnection: countOrNone()
    .optional()
    .describe(says("Then another connection is opened.", defaults.cluster.maxStreamsPerConnection)),
  maxConnectionsPerEndpoint: countOrNone()
    .optional()
    .describe(says("", defaults.cluster.maxConnectionsPerEndpoint)),
  idleConnections: countOrNone(0)
    .optional()
    .describe(says("Kept per endpoint.", defaults.cluster.idleConnections)),
  idleTimeout: durationOrNone
    .optional()
    .describe(says("An idle upstream connection is closed after it.", defaults.cluster.idleTimeout)),
  maxConnectionAge: durationOrNone.optional().describe(says("", defaults.cluster.maxConnectionAge)),
  maxRequestsPerConnection: countOrNone()
    .optional()
    .describe(says("", defaults.cluster.maxRequestsPerConnection)),
  healthCheck: healthCheck.optional().describe("Active checks; without, streams alone tell."),
  rehome: z
    .enum(["never", "idle", "always"])
    .optional()
    .describe(
      says("Streams whose key has another owner now end; policies with a key.", defaults.cluster.rehome),
    ),
  drainGrace: durationOrNone
    .optional()
    .describe(
      says("For streams of an endpoint that drains or has left; then they end.", defaults.cluster.drainGrace),
    ),
  keepalive: z
    .strictObject({
      interval: someDuration.optional().describe(says("", defaults.cluster.keepaliveInterval)),
      timeout: someDuration.optional().describe(says("", defaults.cluster.keepaliveTimeout)),
    })
    .optional()
    .describe("HTTP/2 PING to find dead peers."),
}
const CLUSTER_ERROR = "must be a list of endpoints, or a map with endpoints"
export const cluster = z
  .union([endpoints, z.strictObject(clusterShape)], { error: CLUSTER_ERROR })
  .meta({ id: "Cluster" })
export const namedCluster = z.strictObject({ name: text(), ...clusterShape })
