package main

import (
	"encoding/json"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbac "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	httprbac "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcprbac "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/security/authn"
	"istio.io/istio/pilot/pkg/security/authz/builder"
	"istio.io/istio/pilot/pkg/security/trustdomain"
)

// workload is a pod with a sidecar.
type workload struct {
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
}

// endpoint is what istiod sends to the sidecar of a workload, of what is judged here.
type endpoint struct {
	modes authn.MtlsPolicy
	http  []*hcm.HttpFilter
	tcp   []*listener.Filter
	// The rules of those, in the same order.
	httpRules, tcpRules []*rbac.RBAC
}

func newEndpoint(push *model.PushContext, w workload) (*endpoint, error) {
	matcher := model.PolicyMatcherFor(w.Namespace, w.Labels, false).WithRootNamespace(push.AuthzPolicies.RootNamespace)
	policies := push.AuthzPolicies.ListAuthorizationPolicies(matcher)
	e := &endpoint{modes: authn.NewMtlsPolicy(push, push.AuthnPolicies, w.Namespace, w.Labels, false)}
	domains := trustdomain.NewBundle(push.Mesh.TrustDomain, push.Mesh.TrustDomainAliases)
	b := builder.New(domains, push, policies, builder.Option{UseFilterState: false})
	if b == nil {
		return e, nil // without a policy there is no filter
	}
	e.http, e.tcp = b.BuildHTTP(), b.BuildTCP()
	for _, f := range e.http {
		config := &httprbac.RBAC{}
		if err := f.GetTypedConfig().UnmarshalTo(config); err != nil {
			return nil, err
		}
		e.httpRules = append(e.httpRules, config.Rules)
	}
	for _, f := range e.tcp {
		config := &tcprbac.RBAC{}
		if err := f.GetTypedConfig().UnmarshalTo(config); err != nil {
			return nil, err
		}
		e.tcpRules = append(e.tcpRules, config.Rules)
	}
	return e, nil
}

// judge does as the sidecar's listener does: a port that is STRICT has no place for plain text, and one that is
// DISABLE sees no identity.
func (e *endpoint) judge(c connection) verdict {
	mode := e.modes.GetMutualTLSModeForPort(c.Port)
	v := verdict{Mode: mode.String()}
	switch {
	case mode == model.MTLSStrict && c.Principal == "":
		return v
	case mode == model.MTLSDisable:
		c.Principal = ""
	}
	rules := e.tcpRules
	if c.HTTP != nil {
		rules = e.httpRules
	}
	allowed, policy, err := walk(rules, c)
	if err != nil {
		v.Error = err.Error()
		return v
	}
	v.Allowed, v.Policy = allowed, policy
	return v
}

type written struct {
	HTTP  []json.RawMessage `json:"http"`
	TCP   []json.RawMessage `json:"tcp"`
	Modes []string          `json:"modes"`
}

// written is the filters as JSON, ready for a configuration of Envoy.
func (e *endpoint) written(ports []uint32) (*written, error) {
	w := &written{[]json.RawMessage{}, []json.RawMessage{}, []string{}}
	for _, f := range e.http {
		if err := write(&w.HTTP, f); err != nil {
			return nil, err
		}
	}
	for _, f := range e.tcp {
		if err := write(&w.TCP, f); err != nil {
			return nil, err
		}
	}
	for _, port := range ports {
		w.Modes = append(w.Modes, e.modes.GetMutualTLSModeForPort(port).String())
	}
	return w, nil
}

func write(into *[]json.RawMessage, message proto.Message) error {
	content, err := protojson.Marshal(message)
	*into = append(*into, content)
	return err
}
