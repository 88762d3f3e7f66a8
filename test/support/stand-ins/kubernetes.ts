import type { EndpointSlice } from "../../../src/control/discovery/kubernetes-source.ts"
import type { KubernetesSubject } from "../../interop-discovery/kubernetes-cases.ts"
import type { Finishing } from "../../interop-discovery/listening.ts"
import { type ShownCertificate, StandInApi } from "./kubernetes-api.ts"

const SLICES = "apis/discovery.k8s.io/v1/endpointslices"
const SERVICE = "kubernetes.io/service-name"

/**
 * The stand-in for a kube-apiserver with EndpointSlices of the namespace `default`. `interop:discovery` holds the same cases
 * against a real one where there is one.
 */
export class StandInKubernetes extends StandInApi implements KubernetesSubject {
  static start(t: Finishing, tls?: ShownCertificate): Promise<StandInKubernetes> {
    return new StandInKubernetes().listen(t, tls)
  }

  put(name: string, slice: Omit<EndpointSlice, "metadata">, service = "chat", namespace = "default"): void {
    const metadata = { name, namespace, labels: { [SERVICE]: service } }
    this.apply({ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", ...slice, metadata })
  }

  remove(name: string, namespace = "default"): void {
    this.delete(SLICES, namespace, name)
  }

  /** Connections to it are lost. */
  restart(): void {
    this.endWatches()
  }

  restartWithoutPast(): void {
    this.oldest = this.version + 1
    this.endWatches()
  }
}
