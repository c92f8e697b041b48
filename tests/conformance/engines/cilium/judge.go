package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	envoypolicy "github.com/cilium/cilium/pkg/envoy/policy"
	"github.com/cilium/cilium/pkg/identity/identitymanager"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/logging"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/types"
	ciliumtypes "github.com/cilium/cilium/pkg/types"
	"github.com/cilium/cilium/pkg/u8proto"
)

// query is one connection, and what it carries. Port is the target's own, as Services are translated before
// policy.
type query struct {
	Source     int          `json:"source"`
	Target     int          `json:"target"`
	Protocol   string       `json:"protocol"`
	Port       uint16       `json:"port"`
	HTTP       *httpRequest `json:"http"`
	DNS        string       `json:"dns"`
	ServerName string       `json:"serverName"` // of a TLS handshake
}

// verdict keeps the two ends apart, so that a failing test can say which refused.
type verdict struct {
	Egress  *end `json:"egress"`
	Ingress *end `json:"ingress"`
}

// end is what the policies of one end make of a connection. Allowed speaks of packets; where a proxy decides,
// it is asked only if packets reach it, and its answers are nil where it was not asked.
type end struct {
	Error          string   `json:"error,omitempty"`
	Allowed        bool     `json:"allowed"`
	Proxy          proxy    `json:"proxy"`
	Authentication string   `json:"authentication"`
	Policies       []string `json:"policies"`
	HTTP           *bool    `json:"http"`
	DNS            *bool    `json:"dns"`
	ServerName     *bool    `json:"serverName"`
}

type answered struct {
	Verdicts  []verdict  `json:"verdicts"`
	Endpoints []*summary `json:"endpoints"` // nil for peers that no policy here governs
}

type judge struct {
	logger    *slog.Logger
	warnings  *warnings
	reader    *reader
	options   options
	documents []*document // nil until something is loaded, and after a load that failed
}

func newJudge() (*judge, error) {
	collected := &warnings{}
	logger := slog.New(collected)
	logging.DefaultSlogLogger = logger // for code that has no other
	if err := labelsfilter.ParseLabelPrefixCfg(logger, nil, nil, ""); err != nil {
		return nil, err
	}
	r, err := newReader(logger, collected)
	return &judge{logger: logger, warnings: collected, reader: r}, err
}

// load replaces what is loaded. One bad document refuses them all.
func (j *judge) load(o options, contents []json.RawMessage) error {
	j.documents = nil
	j.options = o
	o.set()
	documents := make([]*document, len(contents))
	filed := map[string]int{}
	for i, content := range contents {
		d, err := j.reader.admit(content, o.policyCluster())
		if err != nil {
			return fmt.Errorf("policy %d: %w", i, err)
		}
		if other, ok := filed[string(d.resource)]; ok {
			return fmt.Errorf("policy %d: is policy %d again: %s", i, other, d.resource)
		}
		filed[string(d.resource)], documents[i] = i, d
	}
	j.documents = documents
	return nil
}

func (j *judge) ask(peers []peer, queries []query) (*answered, error) {
	if j.documents == nil {
		return nil, errors.New("no policies are loaded")
	}
	a, err := j.arrange(peers)
	if err != nil {
		return nil, err
	}
	reply := &answered{make([]verdict, len(queries)), make([]*summary, len(peers))}
	for i, k := range a.known {
		if k.governed {
			reply.Endpoints[i] = a.endpoint(i).summary()
		}
	}
	for i, q := range queries {
		if reply.Verdicts[i], err = a.verdict(q); err != nil {
			return nil, fmt.Errorf("query %d: %w", i, err)
		}
	}
	return reply, j.warnings.take()
}

// arrangement is the policies in force, among peers that are known.
type arrangement struct {
	logger     *slog.Logger
	warnings   *warnings
	repository *policy.Repository
	manager    identitymanager.IDManager
	translator envoypolicy.EnvoyL7RulesTranslator
	known      []*known
	endpoints  map[int]*endpoint
}

// arrange does what an agent does as it starts. The order matters: the repository finds the subjects of a
// policy among the identities that it knows.
func (j *judge) arrange(peers []peer) (*arrangement, error) {
	added := make([]types.PolicyEntries, len(j.documents))
	var all types.PolicyEntries
	for i, d := range j.documents {
		entries, err := j.reader.entries(d, j.options.policyCluster())
		if err != nil {
			return nil, fmt.Errorf("policy %d: %w", i, err)
		}
		added[i], all = entries, append(all, entries...)
	}
	ids := newIdentities(j.logger, all)
	a := &arrangement{
		logger:     j.logger,
		warnings:   j.warnings,
		manager:    identitymanager.NewIDManager(j.logger),
		translator: envoypolicy.NewEnvoyL7RulesTranslator(j.logger, secrets{}),
		known:      make([]*known, len(peers)),
		endpoints:  map[int]*endpoint{},
	}
	for i, p := range peers {
		var err error
		if a.known[i], err = ids.add(p); err != nil {
			return nil, fmt.Errorf("peer %d: %w", i, err)
		}
	}
	a.repository = policy.NewPolicyRepository(j.logger, ids.all, secrets{}, a.translator, a.manager, nil)
	a.repository.SetNamedPortsGetter(portsGetter{ids.ports})
	a.repository.UpdateIdentities(ids.all, nil)
	for i, d := range j.documents {
		a.repository.ReplaceByResource(added[i], d.resource)
	}
	return a, j.warnings.take()
}

// portsGetter is where the repository looks for the ports that pods have names for.
type portsGetter struct{ ports ciliumtypes.NamedPortMultiMap }

func (g portsGetter) GetNamedPorts() ciliumtypes.NamedPortMultiMap { return g.ports }

func (a *arrangement) endpoint(number int) *endpoint {
	e, ok := a.endpoints[number]
	if !ok {
		e = newEndpoint(a, a.known[number])
		a.endpoints[number] = e
	}
	return e
}

func (a *arrangement) verdict(q query) (verdict, error) {
	protocol, err := q.check(len(a.known))
	if err != nil {
		return verdict{}, err
	}
	egress, err := a.end(q.Source, q.Target, protocol, q, false)
	if err != nil {
		return verdict{}, fmt.Errorf("egress: %w", err)
	}
	ingress, err := a.end(q.Target, q.Source, protocol, q, true)
	if err != nil {
		return verdict{}, fmt.Errorf("ingress: %w", err)
	}
	v := verdict{egress, ingress}
	return v, a.confirm(v, q, protocol)
}

func (a *arrangement) end(subject, remote int, protocol u8proto.U8proto, q query, ingress bool) (*end, error) {
	if !a.known[subject].governed {
		return &end{Allowed: true, Policies: []string{}}, nil
	}
	return a.endpoint(subject).judge(a.known[remote].identity.ID, protocol, q, ingress)
}

// confirm asks Cilium a second time, by the function that its own tests use, and fails where it answers
// otherwise. It computes every policy anew, and knows no proxies.
func (a *arrangement) confirm(v verdict, q query, protocol u8proto.U8proto) error {
	source, target := a.known[q.Source], a.known[q.Target]
	flow := types.Flow{
		From: source.identity, To: target.identity, Proto: protocol, Dport: q.Port,
		NamedPortsTCP: map[string]uint16{}, NamedPortsUDP: map[string]uint16{},
	}
	for name, port := range target.ports {
		switch port.Proto {
		case u8proto.TCP:
			flow.NamedPortsTCP[name] = port.Port
		case u8proto.UDP:
			flow.NamedPortsUDP[name] = port.Port
		default:
			return nil // a name that LookupFlow has no place for
		}
	}
	result, _, _, err := policy.LookupFlow(a.logger, a.repository, a.manager, flow)
	if v.Egress.Error != "" || v.Ingress.Error != "" {
		return nil // also where an error is this judge's own: LookupFlow knows no proxies
	}
	if err != nil && source.governed && target.governed {
		return fmt.Errorf("policy.LookupFlow: %w", err)
	}
	if err != nil {
		return nil // of an end that has no policy here: LookupFlow resolves one for whatever labels select, in any cluster
	}
	if source.governed && v.Egress.Allowed != (result.Egress == types.DecisionAllowed) {
		return fmt.Errorf("Cilium disagrees with itself: egress is %t, policy.LookupFlow says %v", v.Egress.Allowed, result)
	}
	if target.governed && v.Ingress.Allowed != (result.Ingress == types.DecisionAllowed) {
		return fmt.Errorf("Cilium disagrees with itself: ingress is %t, policy.LookupFlow says %v", v.Ingress.Allowed, result)
	}
	return nil
}

func (q query) check(peers int) (u8proto.U8proto, error) {
	switch {
	case q.Source < 0 || q.Source >= peers || q.Target < 0 || q.Target >= peers:
		return 0, fmt.Errorf("source %d and target %d are not both among %d peers", q.Source, q.Target, peers)
	case q.Port == 0:
		return 0, errors.New("port 0")
	}
	switch q.Protocol {
	case "TCP", "UDP", "SCTP":
		return u8proto.ParseProtocol(q.Protocol)
	}
	return 0, fmt.Errorf("protocol %q is none of TCP, UDP and SCTP", q.Protocol)
}
