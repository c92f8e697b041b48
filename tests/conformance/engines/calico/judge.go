package main

import (
	"encoding/json"
	"errors"
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/projectcalico/calico/app-policy/checker"
	"github.com/projectcalico/calico/app-policy/policystore"
	"github.com/projectcalico/calico/felix/proto"
	"github.com/projectcalico/calico/felix/rules"
	"github.com/projectcalico/calico/libcalico-go/lib/backend/model"
)

// verdict keeps the two ends apart, so that a failing test can say which refused.
type verdict struct {
	Egress  end `json:"egress"`
	Ingress end `json:"ingress"`
}

// end is what the policies of one end make of a connection: the rules that matched, the last of which decides.
type end struct {
	Allowed bool     `json:"allowed"`
	Trace   []string `json:"trace"`
}

type judge struct {
	warnings *warnings
	inForce  []*model.KVPair // nil until something is loaded, and after a load that failed
}

func newJudge() *judge { return &judge{warnings: newWarnings()} }

// load replaces what is loaded. One bad object refuses them all.
func (j *judge) load(contents []json.RawMessage) error {
	j.inForce = nil
	documents := make([]*document, len(contents))
	tiers, filed := map[string]bool{}, map[string]int{}
	for _, made := range tiersByItself() {
		tiers[made.Name] = true
	}
	for i, content := range contents {
		d, err := read(content)
		if err := errors.Join(err, j.warnings.take()); err != nil {
			return fmt.Errorf("object %d: %w", i, err)
		}
		if tier, ok := d.object.(*v3.Tier); ok {
			tiers[tier.Name] = true
		}
		key := fmt.Sprint(d.filed.Key)
		if other, ok := filed[key]; ok {
			return fmt.Errorf("object %d: is object %d again: %s", i, other, key)
		}
		filed[key], documents[i] = i, d
	}
	f, err := newFelix()
	if err != nil {
		return err
	}
	inForce := []*model.KVPair{}
	for i, d := range documents {
		err := d.check(tiers)
		if err == nil && !d.staged {
			inForce = append(inForce, d.filed)
			err = f.add(d.filed)
		}
		if err := errors.Join(err, j.warnings.take()); err != nil {
			return fmt.Errorf("object %d: %w", i, err)
		}
	}
	j.inForce = inForce
	return nil
}

func (j *judge) ask(peers []peer, queries []query) ([]verdict, error) {
	if j.inForce == nil {
		return nil, errors.New("no objects are loaded")
	}
	a, err := j.arrange(peers)
	if err != nil {
		return nil, err
	}
	verdicts := make([]verdict, len(queries))
	for i, q := range queries {
		if err := q.check(len(peers)); err != nil {
			return nil, fmt.Errorf("query %d: %w", i, err)
		}
		verdicts[i] = verdict{a.end(q.Source, q, rules.RuleDirEgress), a.end(q.Target, q, rules.RuleDirIngress)}
	}
	return verdicts, j.warnings.take()
}

// arrangement is what is in force, among peers that are known.
type arrangement struct {
	peers     []peer
	store     *policystore.PolicyStore
	endpoints map[string]*proto.WorkloadEndpoint // by the pod's name
	asked     *flow
}

func (j *judge) arrange(peers []peer) (*arrangement, error) {
	// A new Felix each time: what it is sent, it may keep and change.
	f, err := newFelix()
	if err != nil {
		return nil, err
	}
	for _, filed := range j.inForce {
		if err := f.add(filed); err != nil {
			return nil, err
		}
	}
	p := &population{f, map[string]map[string]string{}, map[string]bool{}, map[string]int{}}
	for i, one := range peers {
		if err := errors.Join(p.add(i, one), j.warnings.take()); err != nil {
			return nil, fmt.Errorf("peer %d: %w", i, err)
		}
	}
	store, err := f.store()
	if err := errors.Join(err, j.warnings.take()); err != nil {
		return nil, err
	}
	a := &arrangement{peers, store, map[string]*proto.WorkloadEndpoint{}, nil}
	for id, set := range store.IPSetByID {
		store.IPSetByID[id] = portSet{set, &a.asked}
	}
	for id, endpoint := range store.Endpoints {
		a.endpoints[id.WorkloadId] = endpoint
	}
	return a, nil
}

func (a *arrangement) end(subject int, q query, direction rules.RuleDir) end {
	governed := a.peers[subject]
	if governed.Namespace == "" {
		return end{true, []string{}}
	}
	endpoint, ok := a.endpoints[governed.Namespace+"/"+podName(subject)]
	if !ok {
		panic(fmt.Sprintf("Felix knows no endpoint for peer %d", subject))
	}
	a.asked = q.flow(a.peers)
	answer := end{Trace: []string{}}
	for _, matched := range checker.Evaluate(direction, a.store, endpoint, a.asked) {
		if matched == nil {
			continue
		}
		name, rule := matched.Name, matched.IndexStr
		if matched.Namespace != "" {
			name = matched.Namespace + "/" + name
		}
		if matched.Index < 0 {
			rule = "end-of-tier"
		}
		answer.Trace = append(answer.Trace, fmt.Sprintf("%s %s %s %s", matched.Tier, name, rule, matched.Action))
		answer.Allowed = matched.Action == rules.RuleActionAllow
	}
	return answer
}
