// The workload's policies by cdk8s-plus: one NetworkPolicy a service, run directly, without its command line.
import { App, Chart } from "cdk8s";
import * as kplus from "cdk8s-plus-32";
import { readFileSync } from "node:fs";

interface Peer { name: string; namespace: string }
interface Workload { port: number; services: (Peer & { callers: Peer[]; calls: Peer[] })[]; namespaces: string[] }

const [input, outdir] = process.argv.slice(2);
const workload: Workload = JSON.parse(readFileSync(input, "utf8"));
const app = new App({ outdir });
const chart = new Chart(app, "policies");

const namespaces = new Map<string, kplus.Namespaces>();
const namespaceOf = (name: string): kplus.Namespaces => {
  let found = namespaces.get(name);
  if (!found) {
    found = kplus.Namespaces.select(chart, `ns-${name}`, { labels: { "kubernetes.io/metadata.name": name } });
    namespaces.set(name, found);
  }
  return found;
};
const pods = new Map<string, kplus.Pods>();
const podsOf = (peer: Peer, labels: { [key: string]: string }): kplus.Pods => {
  const id = `${peer.namespace}-${peer.name}`;
  let found = pods.get(id);
  if (!found) {
    found = kplus.Pods.select(chart, `pods-${id}`, { labels, namespaces: namespaceOf(peer.namespace) });
    pods.set(id, found);
  }
  return found;
};
const app_ = (peer: Peer) => podsOf(peer, { app: peer.name });
const dns = podsOf({ name: "kube-dns", namespace: "kube-system" }, { "k8s-app": "kube-dns" });
const ports = [kplus.NetworkPolicyPort.tcp(workload.port)];
const dnsPorts = [kplus.NetworkPolicyPort.tcp(53), kplus.NetworkPolicyPort.of({ port: 53, protocol: kplus.NetworkProtocol.UDP })];

for (const service of workload.services) {
  const policy = new kplus.NetworkPolicy(chart, `allow-${service.namespace}-${service.name}`, {
    metadata: { name: `allow-${service.name}`, namespace: service.namespace },
    selector: app_(service),
    ingress: { default: kplus.NetworkPolicyTrafficDefault.DENY },
    egress: { default: kplus.NetworkPolicyTrafficDefault.DENY },
  });
  for (const caller of service.callers) policy.addIngressRule(app_(caller), ports);
  for (const called of service.calls) policy.addEgressRule(app_(called), ports);
  policy.addEgressRule(dns, dnsPorts);
}
app.synth();
