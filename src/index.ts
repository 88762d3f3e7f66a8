/// <reference types="node" preserve="true" />
/**
 * Sluice as a library.
 *
 * ```ts
 * import { createBalancer } from "sluice"
 *
 * const balancer = createBalancer({
 *   listeners: ["127.0.0.1:8080"],
 *   clusters: { chat: ["127.0.0.1:3000", "127.0.0.1:3001"] },
 * })
 * await balancer.start()
 * ```
 */

export type { BalancerEvents, BalancerOptions } from "./balancer/balancer.ts"
export type { BalancerSnapshot, ClusterSnapshot, OpenAddress, StreamSnapshot } from "./balancer/status.ts"
export { type LoadedConfig, loadConfig } from "./config/load.ts"
export type { Config } from "./config/model.ts"
export { type Problem, renderProblem } from "./config/problem.ts"
export type { SluiceYaml } from "./config/yaml/schema.ts"
export { Balancer, ConfigError, createBalancer } from "./control/create-balancer.ts"
export { createLog, type Log, openLog } from "./log/logger.ts"
export type { ConnectionRecord, StreamRecord } from "./record/record.ts"
export type { Span } from "./record/span.ts"
