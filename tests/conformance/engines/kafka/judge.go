package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	kjson "sigs.k8s.io/json"

	"github.com/cilium/cilium/pkg/defaults"
	"github.com/cilium/cilium/pkg/fqdn/re"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/identity/cache"
	"github.com/cilium/cilium/pkg/identity/identitymanager"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	slimcorev1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/core/v1"
	slimmetav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	k8sutils "github.com/cilium/cilium/pkg/k8s/utils"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
)

// ownCluster is the cluster whose policies are in force, by the name that an agent has if it is given none.
const ownCluster = defaults.ClusterName

// firstNumber is above what Cilium keeps for itself in the scope that pods have.
const firstNumber = 1000

type pod struct {
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
	Cluster   string            `json:"cluster"`
}

// query is one connection, over TCP, and what it carries. Port is the target's own.
type query struct {
	Source  int           `json:"source"`
	Target  int           `json:"target"`
	Port    uint16        `json:"port"`
	Request *kafkaRequest `json:"request"`
}

// verdict keeps the two ends apart, so that a failing test can say which refused.
type verdict struct {
	Egress  *end `json:"egress"`
	Ingress *end `json:"ingress"`
}

type end struct {
	Error   string `json:"error,omitempty"`
	Allowed bool   `json:"allowed"`
	Proxy   string `json:"proxy"`
	Request *bool  `json:"request"`
}

type answered struct {
	Verdicts []verdict `json:"verdicts"`
}

type judge struct {
	warnings  *warnings
	documents []json.RawMessage // nil until something is loaded, and after a load that failed
}

// newJudge sets what an agent sets as it starts, which is global to the process.
func newJudge(warnings *warnings) (*judge, error) {
	c := option.Config
	c.ClusterName, c.EnableIPv4, c.EnableIPv6, c.EnableL7Proxy = ownCluster, true, true, true
	c.EnableRemoteNodeIdentity = defaults.EnableRemoteNodeIdentity
	policy.SetPolicyEnabled(option.DefaultEnforcement)
	api.InitEntities(ownCluster, false)
	if err := re.InitRegexCompileLRU(defaults.FQDNRegexCompileLRUSize); err != nil {
		return nil, err
	}
	return &judge{warnings: warnings}, labelsfilter.ParseLabelPrefixCfg(nil, "")
}

// load replaces what is loaded. One bad document refuses them all.
func (j *judge) load(documents []json.RawMessage) error {
	j.documents = nil
	for i, content := range documents {
		_, err := parse(content)
		if warned := j.warnings.take(); err == nil {
			err = warned
		}
		if err != nil {
			return fmt.Errorf("policy %d: %w", i, err)
		}
	}
	j.documents = append([]json.RawMessage{}, documents...)
	return nil
}

// parse gives new rules each time, as the repository may keep and change what it is given. Unknown fields and keys
// given twice are refused, and upper and lower case are told apart, as the API server does where it is strict.
func parse(content []byte) (api.Rules, error) {
	document := &ciliumv2.CiliumNetworkPolicy{}
	faults, err := kjson.UnmarshalStrict(content, document)
	if err == nil && len(faults) > 0 {
		err = faults[0]
	}
	switch {
	case err != nil:
		return nil, err
	case document.APIVersion != "cilium.io/v2" || document.Kind != "CiliumNetworkPolicy" || document.Namespace == "":
		return nil, fmt.Errorf("no CiliumNetworkPolicy: %s %q", document.APIVersion, document.Kind)
	}
	return document.Parse()
}

// arrangement is the policies in force, among pods that are known.
type arrangement struct {
	repository *policy.Repository
	pods       []pod
	identities []*identity.Identity
	endpoints  map[int]*endpoint
}

func (j *judge) ask(pods []pod, queries []query) (*answered, error) {
	if j.documents == nil {
		return nil, errors.New("no policies are loaded")
	}
	a, err := j.arrange(pods)
	if err != nil {
		return nil, err
	}
	reply := &answered{make([]verdict, len(queries))}
	for i, q := range queries {
		if q.Source < 0 || q.Source >= len(pods) || q.Target < 0 || q.Target >= len(pods) || q.Port == 0 {
			return nil, fmt.Errorf("query %d: no such ends or port: %+v", i, q)
		}
		reply.Verdicts[i].Egress, err = a.end(q.Source, q.Target, q, false)
		if err == nil {
			reply.Verdicts[i].Ingress, err = a.end(q.Target, q.Source, q, true)
		}
		if err != nil {
			return nil, fmt.Errorf("query %d: %w", i, err)
		}
	}
	return reply, j.warnings.take()
}

func (j *judge) arrange(pods []pod) (*arrangement, error) {
	// Each repository subscribes to this, and never leaves: it would be kept for ever.
	identitymanager.GlobalIdentityManager = identitymanager.NewIdentityManager()
	known := cache.IdentityCache{}
	identity.IterateReservedIdentities(func(number identity.NumericIdentity, reserved *identity.Identity) {
		known[number] = reserved.Labels.LabelArray()
	})
	a := &arrangement{pods: pods, endpoints: map[int]*endpoint{}}
	numbers := map[string]*identity.Identity{}
	for _, p := range pods {
		described := describe(p)
		key := string(described.SortedList())
		if numbers[key] == nil {
			numbers[key] = identity.NewIdentity(identity.NumericIdentity(firstNumber+len(numbers)), described)
			known[numbers[key].ID] = numbers[key].LabelArray
		}
		a.identities = append(a.identities, numbers[key])
	}
	// No allocator: it is for addresses and names outside, of which no peer is asked here.
	a.repository = policy.NewStoppedPolicyRepository(nil, known, nil, nil, api.NewPolicyMetricsNoop())
	a.repository.GetSelectorCache().SetLocalIdentityNotifier(&nobody{})
	for i, content := range j.documents {
		rules, err := parse(content)
		if err != nil {
			return nil, fmt.Errorf("policy %d: %w", i, err)
		}
		a.repository.AddList(rules)
	}
	return a, nil
}

// nobody resolves names: a selector by name selects no one.
type nobody struct{ sync.Mutex }

func (*nobody) RegisterForIPUpdatesLocked(api.FQDNSelector) []netip.Addr { return nil }
func (*nobody) UnregisterForIPUpdatesLocked(api.FQDNSelector)            {}

// describe is what the agent does with a new pod: labels that never reach an identity are left out, those of the
// namespace are added.
func describe(p pod) labels.Labels {
	cluster := p.Cluster
	if cluster == "" {
		cluster = ownCluster
	}
	namespace := &slimcorev1.Namespace{ObjectMeta: slimmetav1.ObjectMeta{
		Name: p.Namespace, Labels: map[string]string{"kubernetes.io/metadata.name": p.Namespace},
	}}
	sanitized := k8sutils.SanitizePodLabels(p.Labels, namespace, "default", cluster)
	described, _ := labelsfilter.Filter(labels.Map2Labels(sanitized, labels.LabelSourceK8s))
	return described
}

func (a *arrangement) end(subject, remote int, q query, ingress bool) (*end, error) {
	if cluster := a.pods[subject].Cluster; cluster != "" && cluster != ownCluster {
		return &end{Allowed: true}, nil
	}
	if a.endpoints[subject] == nil {
		a.endpoints[subject] = newEndpoint(a, subject)
	}
	return a.endpoints[subject].judge(a.identities[remote].ID.Uint32(), q, ingress)
}
