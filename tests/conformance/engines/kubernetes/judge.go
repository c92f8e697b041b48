package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coredefaults "k8s.io/kubernetes/pkg/apis/core/v1"
)

// peer is one end of a connection: a pod where it has a namespace, else an address outside the cluster.
type peer struct {
	Namespace       string            `json:"namespace"`
	NamespaceLabels map[string]string `json:"namespaceLabels"`
	Labels          map[string]string `json:"labels"`
	IP              string            `json:"ip"`
}

// query is one connection. Port is the target's own port, as Services are translated before policy.
type query struct {
	Source   int             `json:"source"`
	Target   int             `json:"target"`
	Protocol corev1.Protocol `json:"protocol"`
	Port     int             `json:"port"`
	PortName string          `json:"portName"`
}

// verdict keeps the two directions apart, so that a failing test can say which end refused.
type verdict struct {
	Ingress bool `json:"ingress"`
	Egress  bool `json:"egress"`
}

type judge struct {
	api       *api
	selectors *selectors
	policy    *matcher.Policy // nil until something is loaded, and after a load that failed
}

func newJudge() (*judge, error) {
	api, err := newAPI()
	return &judge{api: api}, err
}

// load replaces what is loaded. One bad document refuses them all.
func (j *judge) load(documents []json.RawMessage) error {
	j.policy, j.selectors = nil, newSelectors()
	policies := make([]*networkingv1.NetworkPolicy, len(documents))
	for i, document := range documents {
		np, err := j.api.admit(document)
		if err == nil {
			err = j.selectors.replaceIn(np)
		}
		if err != nil {
			return fmt.Errorf("policy %d: %w", i, err)
		}
		policies[i] = np
	}
	// false: cyclonus' simplifier is a second way to the same verdicts; the plain one is the one to trust.
	j.policy = matcher.BuildNetworkPolicies(false, policies)
	return nil
}

func (j *judge) ask(peers []peer, queries []query) ([]verdict, error) {
	if j.policy == nil {
		return nil, errors.New("no policies are loaded")
	}
	known := make([]*matcher.TrafficPeer, len(peers))
	for i, p := range peers {
		var err error
		if known[i], err = j.trafficPeer(p); err != nil {
			return nil, fmt.Errorf("peer %d: %w", i, err)
		}
	}
	verdicts := make([]verdict, len(queries))
	for i, q := range queries {
		if err := q.check(len(peers)); err != nil {
			return nil, fmt.Errorf("query %d: %w", i, err)
		}
		result := j.policy.IsTrafficAllowed(&matcher.Traffic{
			Source:           known[q.Source],
			Destination:      known[q.Target],
			ResolvedPort:     q.Port,
			ResolvedPortName: q.PortName,
			Protocol:         q.Protocol,
		})
		verdicts[i] = verdict{result.Ingress.IsAllowed(), result.Egress.IsAllowed()}
	}
	return verdicts, nil
}

// trafficPeer tells cyclonus about a peer in terms of the selectors that select it (see selectors).
func (j *judge) trafficPeer(p peer) (*matcher.TrafficPeer, error) {
	if net.ParseIP(p.IP) == nil {
		return nil, fmt.Errorf("ip %q is not an address", p.IP)
	}
	if p.Namespace == "" {
		if len(p.Labels)+len(p.NamespaceLabels) > 0 {
			return nil, errors.New("labels without a namespace")
		}
		return &matcher.TrafficPeer{IP: p.IP}, nil
	}
	// The API server writes the label kubernetes.io/metadata.name into each namespace, over any other value.
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace, Labels: p.NamespaceLabels}}
	coredefaults.SetDefaults_Namespace(namespace)
	return &matcher.TrafficPeer{IP: p.IP, Internal: &matcher.InternalPeer{
		Namespace:       p.Namespace,
		NamespaceLabels: j.selectors.selecting(namespace.Labels),
		PodLabels:       j.selectors.selecting(p.Labels),
	}}, nil
}

func (q query) check(peers int) error {
	switch {
	case q.Source < 0 || q.Source >= peers || q.Target < 0 || q.Target >= peers:
		return fmt.Errorf("source %d and target %d are not both among %d peers", q.Source, q.Target, peers)
	case q.Port < 1 || q.Port > 65535:
		return fmt.Errorf("port %d is not between 1 and 65535", q.Port)
	}
	switch q.Protocol {
	case corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP:
		return nil
	}
	return fmt.Errorf("protocol %q is none of TCP, UDP and SCTP", q.Protocol)
}
