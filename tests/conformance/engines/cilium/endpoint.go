package main

import (
	"fmt"
	"slices"
	"strings"

	ciliumproxy "github.com/cilium/proxy/go/cilium/api"

	"github.com/cilium/cilium/pkg/endpoint/regeneration"
	"github.com/cilium/cilium/pkg/envoy"
	"github.com/cilium/cilium/pkg/identity"
	k8sconst "github.com/cilium/cilium/pkg/k8s/apis/cilium.io"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/proxy/accesslog"
	"github.com/cilium/cilium/pkg/u8proto"
)

// endpoint is a peer's policy as its agent has computed it: for the datapath, for Envoy and for the DNS proxy.
type endpoint struct {
	policy  *policy.EndpointPolicy
	proxies *proxies
	ingress ports // what Envoy decides by
	egress  ports
	err     error // Cilium cannot compute it: the endpoint keeps the policy that it had, or has none
}

// summary is what can be said of an endpoint without a connection.
type summary struct {
	Error   string `json:"error,omitempty"`
	Entries int    `json:"entries"`
	Ingress bool   `json:"ingress"` // whether policy is enforced
	Egress  bool   `json:"egress"`
}

func newEndpoint(a *arrangement, k *known) *endpoint {
	e := &endpoint{}
	e.err = e.compute(a, k)
	if warned := a.warnings.take(); e.err == nil {
		e.err = warned
	}
	return e
}

// compute follows the agent's regeneration of an endpoint (pkg/endpoint/policy.go, bpf.go).
func (e *endpoint) compute(a *arrangement, k *known) error {
	selected, _, err := a.repository.ComputeSelectorPolicy(k.identity)
	if err != nil {
		return err
	}
	o := owner{k}
	if e.proxies, err = newProxies(a.logger, selected, o); err != nil {
		return err
	}
	e.policy = selected.DistillPolicy(a.logger, o, e.proxies.redirects)
	// Envoy's part comes before Ready, which lets go of what the selectors selected.
	sent := envoy.GetNetworkPolicy(
		o, selected.GetEgressNamedPorts, e.policy.GetPolicySelectors(), []string{"endpoint"},
		&e.policy.SelectorPolicy.L4Policy,
		e.policy.SelectorPolicy.IngressPolicyEnabled, e.policy.SelectorPolicy.EgressPolicyEnabled,
		false, true, secretsNamespace, a.logger, a.translator,
	)
	if err := e.policy.Ready(); err != nil {
		return err
	}
	return e.accept(sent)
}

// accept is Envoy's part: what it cannot take, it takes nothing of.
func (e *endpoint) accept(sent *ciliumproxy.NetworkPolicy) (err error) {
	if err = sent.ValidateAll(); err == nil {
		e.ingress, err = newPorts(sent.IngressPerPortPolicies)
	}
	if err == nil {
		e.egress, err = newPorts(sent.EgressPerPortPolicies)
	}
	if err != nil {
		return fmt.Errorf("Envoy would not take the endpoint's policy: %w", err)
	}
	return nil
}

func (e *endpoint) summary() *summary {
	if e.err != nil {
		return &summary{Error: e.err.Error()}
	}
	enforced := e.policy.SelectorPolicy
	return &summary{"", e.policy.Len(), enforced.IngressPolicyEnabled, enforced.EgressPolicyEnabled}
}

func (e *endpoint) judge(remote identity.NumericIdentity, protocol u8proto.U8proto, q query, ingress bool) (*end, error) {
	if e.err != nil {
		return &end{Error: e.err.Error(), Policies: []string{}}, nil
	}
	key, sent := policy.EgressKey(), e.egress
	if ingress {
		key, sent = policy.IngressKey(), e.ingress
	}
	entry, meta, _ := e.policy.Lookup(key.WithIdentity(remote).WithPortProto(protocol, q.Port))
	answer := &end{Allowed: !entry.IsDeny(), Policies: deciding(meta)}
	if !answer.Allowed {
		return answer, nil
	}
	if entry.AuthRequirement != 0 {
		answer.Authentication = entry.AuthRequirement.AuthType().String()
	}
	answer.Proxy = proxyOf(entry.ProxyPort)
	switch answer.Proxy {
	case noProxy:
	case dnsProxy:
		if q.DNS != "" {
			allowed, err := e.proxies.allowsName(q.Port, protocol, remote, q.DNS)
			if err != nil {
				return nil, err
			}
			answer.DNS = &allowed
		}
	case httpProxy, tlsProxy:
		rules := sent.at(q.Port)
		named := rules.allowServerName(uint32(remote), q.ServerName)
		answer.ServerName = &named
		if q.HTTP != nil {
			allowed, err := rules.allowRequest(uint32(remote), q.HTTP)
			if err != nil {
				return nil, err
			}
			answer.HTTP = &allowed
		}
	default:
		return nil, fmt.Errorf("redirected to %q, which nobody here can ask", answer.Proxy)
	}
	return answer, nil
}

// deciding names the policies behind an entry, or the rule of Cilium's own.
func deciding(meta policy.RuleMeta) []string {
	named := []string{}
	for _, rule := range meta.LabelArray() {
		kind, namespace := about(rule, k8sconst.PolicyLabelDerivedFrom), about(rule, k8sconst.PolicyLabelNamespace)
		name := about(rule, k8sconst.PolicyLabelName)
		switch {
		case namespace != "":
			named = append(named, fmt.Sprintf("%s %s/%s", kind, namespace, name))
		case name != "":
			named = append(named, fmt.Sprintf("%s %s", kind, name))
		default:
			named = append(named, strings.Join(rule.GetModel(), " "))
		}
	}
	slices.Sort(named)
	return slices.Compact(named)
}

func about(rule labels.LabelArray, key string) string {
	value, _ := rule.Lookup(labels.LabelSourceK8s + labels.SourceDelimiter + key)
	return value
}

// owner is what Cilium's code asks of the endpoint that a policy is computed for.
type owner struct{ *known }

func (o owner) GetID() uint64                               { return endpointID }
func (o owner) IsHost() bool                                { return o.identity.ID == identity.ReservedIdentityHost }
func (o owner) PolicyDebug(string, ...any)                  {}
func (o owner) PreviousMapStateSizes() policy.MapStateSizes { return policy.MapStateSizes{} }
func (o owner) GetPolicyNames() []string                    { return []string{"endpoint"} }
func (o owner) OnProxyPolicyUpdate(uint64)                  {}
func (o owner) GetListenerProxyPort(listener string) uint16 { return 0 }
func (o owner) GetIPv4Address() string                      { return "" }
func (o owner) GetIPv6Address() string                      { return "" }

func (o owner) GetIngressNamedPort(name string, protocol u8proto.U8proto) uint16 {
	port, err := o.ports.GetNamedPort(name, protocol)
	if err != nil { // nobody here calls a port so
		return 0
	}
	return port
}

func (o owner) UpdateProxyStatistics(string, string, uint16, uint16, bool, bool, accesslog.FlowVerdict) {
}

func (o owner) RegenerateIfAlive(*regeneration.ExternalRegenerationMetadata) <-chan bool {
	done := make(chan bool)
	close(done)
	return done
}
