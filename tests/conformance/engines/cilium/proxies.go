package main

import (
	"fmt"
	"iter"
	"log/slog"
	"net/netip"

	"github.com/cilium/cilium/pkg/fqdn/dnsproxy"
	"github.com/cilium/cilium/pkg/fqdn/restore"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/u8proto"
)

// proxy is which of the agent's proxies a connection is redirected to, by Cilium's name of its parser.
type proxy string

const (
	noProxy   = proxy(policy.ParserTypeNone)
	httpProxy = proxy(policy.ParserTypeHTTP)
	tlsProxy  = proxy(policy.ParserTypeTLS)
	dnsProxy  = proxy(policy.ParserTypeDNS)
	crdProxy  = proxy(policy.ParserTypeCRD)
)

// firstProxyPort is where the agent begins (--proxy-portrange-min).
const firstProxyPort = 10000

// listening is the proxies in the order of their ports: an entry of the policy map redirects to a port.
var listening = []proxy{httpProxy, tlsProxy, dnsProxy, crdProxy}

func proxyOf(port uint16) proxy {
	if port == 0 {
		return noProxy
	}
	return listening[port-firstProxyPort]
}

func portOf(wanted proxy) (uint16, error) {
	for i, p := range listening {
		if p == wanted {
			return firstProxyPort + uint16(i), nil
		}
	}
	return 0, fmt.Errorf("Cilium redirects to %q, of which this judge knows nothing", wanted)
}

// endpointID is the only endpoint that a policy is computed for at a time.
const endpointID = 1

// proxies is what an endpoint redirects, and the DNS proxy with its rules. It follows the agent's
// Endpoint.addNewRedirects (pkg/endpoint/bpf.go).
type proxies struct {
	redirects map[string]uint16 // proxy ports by the id of the redirect
	dns       *dnsproxy.DNSProxy
}

func newProxies(logger *slog.Logger, selected policy.SelectorPolicy, o owner) (*proxies, error) {
	p := &proxies{map[string]uint16{}, dnsproxy.NewDNSProxy(dnsproxy.DNSProxyConfig{Logger: logger}, nil, nil)}
	filters := map[string]*policy.L4Filter{}
	for filter, redirect := range selected.RedirectFilters() {
		listener := redirect.Policy.GetListener()
		for port := range redirectedPorts(selected, filter, o) {
			id := policy.ProxyID(endpointID, filter.Ingress, string(filter.Protocol), port, listener)
			proxyPort, err := portOf(proxy(redirect.Policy.GetL7Parser()))
			if err != nil {
				return nil, err
			}
			if other, ok := p.redirects[id]; ok {
				// The agent keeps whichever it sees first, and the order is that of a Go map. To Envoy
				// it makes no difference, which has the rules from elsewhere.
				if other != proxyPort || proxyOf(proxyPort) == dnsProxy && filters[id] != filter {
					return nil, fmt.Errorf(
						"two rules redirect %s, to %q and %q: the agent keeps the first it sees, in no order",
						id, proxyOf(other), proxyOf(proxyPort),
					)
				}
				continue
			}
			p.redirects[id], filters[id] = proxyPort, filter
			if proxyOf(proxyPort) == dnsProxy {
				if err := p.addNames(filter, port); err != nil {
					return nil, err
				}
			}
		}
	}
	return p, nil
}

// redirectedPorts gives the numbers that a filter's port has: none or several where it is a name.
func redirectedPorts(selected policy.SelectorPolicy, filter *policy.L4Filter, o owner) iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		switch {
		case filter.Port != 0 || filter.PortName == "":
			yield(filter.Port)
		case filter.Ingress:
			if port := o.GetIngressNamedPort(filter.PortName, filter.U8Proto); port != 0 {
				yield(port)
			}
		default:
			seen := map[uint16]bool{}
			numbers := filter.Identities(selected.GetSelectorSnapshot())
			for _, port := range selected.GetEgressNamedPorts(filter.PortName, filter.U8Proto, numbers) {
				if !seen[port] && !yield(port) {
					return
				}
				seen[port] = true
			}
		}
	}
}

func (p *proxies) addNames(filter *policy.L4Filter, port uint16) error {
	at := restore.MakeV2PortProto(port, filter.U8Proto)
	_, err := p.dns.UpdateAllowed(endpointID, at, filter.GetPerSelectorPolicies())
	return err
}

// allowsName asks the DNS proxy whether the endpoint may ask this resolver for a name.
func (p *proxies) allowsName(
	port uint16, protocol u8proto.U8proto, resolver identity.NumericIdentity, name string,
) (bool, error) {
	at := restore.MakeV2PortProto(port, protocol)
	return p.dns.CheckAllowed(endpointID, at, resolver, netip.IPv4Unspecified(), name)
}
