package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"

	"github.com/cilium/cilium/pkg/fqdn/dns"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/k8s"
	k8sconst "github.com/cilium/cilium/pkg/k8s/apis/cilium.io"
	slimcorev1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/core/v1"
	slimmetav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/cilium/cilium/pkg/policy/types"
	ciliumtypes "github.com/cilium/cilium/pkg/types"
)

// peer is one end of a connection: a pod where it has a namespace, an address outside the cluster where it has
// an ip, else what Cilium has reserved an identity for.
type peer struct {
	Namespace       string            `json:"namespace"`
	NamespaceLabels map[string]string `json:"namespaceLabels"`
	Labels          map[string]string `json:"labels"` // of the pod; of the node where it is one
	ServiceAccount  string            `json:"serviceAccount"`
	Cluster         string            `json:"cluster"`
	Ports           []namedPort       `json:"ports"`
	IP              string            `json:"ip"`
	Names           []string          `json:"names"`
	Reserved        []string          `json:"reserved"`
}

type namedPort struct {
	Name     string `json:"name"`
	Port     int32  `json:"port"`
	Protocol string `json:"protocol"`
}

// known is a peer as Cilium knows it: by its identity, which is its labels and a number for them.
type known struct {
	identity *identity.Identity
	ports    ciliumtypes.NamedPortMap
	governed bool // by policies of this cluster
}

// identities gives peers their identities: the same labels are the same number, as in a cluster.
type identities struct {
	logger  *slog.Logger
	fqdns   []api.FQDNSelector // of the policies in force
	all     identity.IdentityMap
	ports   namedPorts
	numbers map[string]identity.NumericIdentity // by labels
	next    map[identity.NumericIdentity]identity.NumericIdentity
	remote  map[string]identity.NumericIdentity // the bits of other clusters, by name
}

// namedPorts is what the pods' ports are called: where a policy says a name, the policy map has numbers.
type namedPorts interface {
	ciliumtypes.NamedPortMultiMap
	Update(number identity.NumericIdentity, old, new ciliumtypes.NamedPortMap) (changed bool)
}

// firstNumber is above what Cilium keeps for itself in the scope that pods have.
const firstNumber = 1000

func newIdentities(logger *slog.Logger, entries types.PolicyEntries) *identities {
	ids := &identities{
		logger:  logger,
		all:     identity.ListReservedIdentities(),
		ports:   ciliumtypes.NewNamedPortMultiMap(),
		numbers: map[string]identity.NumericIdentity{},
		next: map[identity.NumericIdentity]identity.NumericIdentity{
			identity.IdentityScopeGlobal:     firstNumber,
			identity.IdentityScopeLocal:      identity.IdentityScopeLocal + firstNumber,
			identity.IdentityScopeRemoteNode: identity.IdentityScopeRemoteNode + firstNumber,
		},
		remote: map[string]identity.NumericIdentity{},
	}
	for _, entry := range entries {
		for _, selector := range entry.L3 {
			if fqdn, ok := selector.GetFQDNSelector(); ok {
				ids.fqdns = append(ids.fqdns, *fqdn)
			}
		}
	}
	return ids
}

func (ids *identities) add(p peer) (*known, error) {
	described, ports, err := ids.describe(p)
	if err != nil {
		return nil, err
	}
	k := &known{ids.identify(described, p.Cluster), ports, governed(p)}
	ids.all[k.identity.ID] = k.identity.LabelArray
	ids.ports.Update(k.identity.ID, nil, ports)
	return k, nil
}

// identify numbers labels within the scope that they have in Cilium: what its policy map aggregates by.
func (ids *identities) identify(described labels.Labels, cluster string) *identity.Identity {
	if reserved := identity.LookupReservedIdentityByLabels(described); reserved != nil {
		return reserved
	}
	key := string(described.SortedList())
	number, ok := ids.numbers[key]
	if !ok {
		scope := identity.ScopeForLabels(described)
		number = ids.next[scope]
		ids.next[scope]++
		if elsewhere(cluster) {
			number |= ids.bitsOf(cluster)
		}
		ids.numbers[key] = number
	}
	return identity.NewIdentity(number, described)
}

func (ids *identities) bitsOf(cluster string) identity.NumericIdentity {
	bits, ok := ids.remote[cluster]
	if !ok {
		bits = identity.NumericIdentity(len(ids.remote)+1) << identity.GetClusterIDShift()
		ids.remote[cluster] = bits
	}
	return bits
}

func (ids *identities) describe(p peer) (labels.Labels, ciliumtypes.NamedPortMap, error) {
	switch {
	case p.Namespace != "":
		if p.IP != "" || len(p.Names)+len(p.Reserved) > 0 {
			return nil, nil, errors.New("a pod with an ip, names, or reserved labels")
		}
		described, ports := ids.describePod(p)
		return described, ports, nil
	case p.ServiceAccount != "" || len(p.NamespaceLabels)+len(p.Ports) > 0:
		return nil, nil, errors.New("what only a pod has, without a namespace")
	case p.IP != "":
		described, err := ids.describeAddress(p)
		return described, nil, err
	}
	described, err := describeReserved(p)
	return described, nil, err
}

// describePod is what the agent does with a new pod (pkg/endpoint/metadata): labels that never reach an identity
// are left out, those of the namespace are added, and what its ports are called.
func (ids *identities) describePod(p peer) (labels.Labels, ciliumtypes.NamedPortMap) {
	pod := &slimcorev1.Pod{ObjectMeta: slimmetav1.ObjectMeta{Namespace: p.Namespace, Name: "pod", Labels: p.Labels}}
	pod.Spec.ServiceAccountName = p.ServiceAccount
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = "default" // as the API server has it
	}
	container := slimcorev1.Container{}
	for _, port := range p.Ports {
		container.Ports = append(container.Ports, slimcorev1.ContainerPort{
			Name: port.Name, ContainerPort: port.Port, Protocol: slimcorev1.Protocol(port.Protocol),
		})
	}
	pod.Spec.Containers = []slimcorev1.Container{container}
	// The API server writes the label kubernetes.io/metadata.name into each namespace, over any other value.
	namespace := &slimcorev1.Namespace{ObjectMeta: slimmetav1.ObjectMeta{Name: p.Namespace, Labels: map[string]string{}}}
	for key, value := range p.NamespaceLabels {
		namespace.Labels[key] = value
	}
	namespace.Labels["kubernetes.io/metadata.name"] = p.Namespace
	ports, metadata := k8s.GetPodMetadata(ids.logger, namespace, pod)
	if p.Cluster != "" {
		metadata[k8sconst.PolicyLabelCluster] = p.Cluster
	}
	described, _ := labelsfilter.Filter(labels.Map2Labels(metadata, labels.LabelSourceK8s))
	for _, label := range k8s.NamedPortsIdentityLabels(ports) {
		described[label.Key] = label
	}
	return described, ports
}

// describeAddress gives an address the labels of its own block, and of each toFQDNs that a name of it matches.
func (ids *identities) describeAddress(p peer) (labels.Labels, error) {
	address, err := netip.ParseAddr(p.IP)
	if err != nil {
		return nil, err
	}
	if address.Is6() && !option.Config.EnableIPv6 {
		return nil, fmt.Errorf("%s, but IPv6 is not enabled", p.IP)
	}
	described := labels.GetCIDRLabels(netip.PrefixFrom(address, address.BitLen()))
	for _, name := range p.Names {
		for _, selector := range ids.fqdns {
			pattern, err := selector.ToRegex()
			if err != nil {
				return nil, err
			}
			if pattern.MatchString(strings.ToLower(dns.FQDN(name))) {
				label := selector.IdentityLabel()
				described[label.Key] = label
			}
		}
	}
	for _, name := range p.Reserved { // an API server outside the cluster
		if name != labels.IDNameKubeAPIServer {
			return nil, fmt.Errorf("an address outside that is %q", name)
		}
		described[name] = labels.NewLabel(name, "", labels.LabelSourceReserved)
	}
	return described, nil
}

// describeReserved is what the agent's node manager does with a node (pkg/node/manager), and no more than a name
// for the others.
func describeReserved(p peer) (labels.Labels, error) {
	if len(p.Reserved) == 0 {
		return nil, errors.New("neither a namespace, nor an ip, nor reserved labels")
	}
	described := labels.Labels{}
	for _, name := range p.Reserved {
		if identity.GetReservedID(name) == identity.IdentityUnknown {
			return nil, fmt.Errorf("Cilium has reserved no identity for %q", name)
		}
		described[name] = labels.NewLabel(name, "", labels.LabelSourceReserved)
	}
	if option.Config.PerNodeLabelsEnabled() && (described.HasHostLabel() || described.HasRemoteNodeLabel()) {
		cluster := p.Cluster
		if cluster == "" {
			cluster = option.Config.ClusterName
		}
		onNode, _ := labelsfilter.FilterNodeLabels(labels.Map2Labels(p.Labels, labels.LabelSourceNode))
		described.MergeLabels(onNode)
		described.MergeLabels(labels.Map2Labels(
			map[string]string{k8sconst.PolicyLabelCluster: cluster}, labels.LabelSourceK8s,
		))
	}
	return described, nil
}

func elsewhere(cluster string) bool {
	return cluster != "" && cluster != option.Config.ClusterName
}

// governed tells whether an agent of this cluster computes a policy for the peer.
func governed(p peer) bool {
	if elsewhere(p.Cluster) || p.IP != "" {
		return false
	}
	own := []string{labels.IDNameHost, labels.IDNameHealth, labels.IDNameIngress, labels.IDNameInit}
	return p.Namespace != "" || slices.ContainsFunc(p.Reserved, func(name string) bool {
		return slices.Contains(own, name)
	})
}
