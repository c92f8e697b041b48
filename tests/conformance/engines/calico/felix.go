package main

import (
	"errors"
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/projectcalico/calico/app-policy/policystore"
	"github.com/projectcalico/calico/felix/calc"
	"github.com/projectcalico/calico/felix/config"
	"github.com/projectcalico/calico/felix/proto"
	libapiv3 "github.com/projectcalico/calico/libcalico-go/lib/apis/v3"
	"github.com/projectcalico/calico/libcalico-go/lib/backend/api"
	"github.com/projectcalico/calico/libcalico-go/lib/backend/model"
	"github.com/projectcalico/calico/libcalico-go/lib/backend/syncersv1/updateprocessors"
	"github.com/projectcalico/calico/libcalico-go/lib/backend/watchersyncer"
	"github.com/projectcalico/calico/libcalico-go/lib/names"
)

// node is the only one: every pod is local to the calculation graph, and has a policy.
const node = "node"

// felix is the part of Felix that knows what is in force: what the datastore holds, as it is sent to Felix and as
// Felix's own filter lets it through.
type felix struct {
	config *config.Config
	sent   []api.Update
}

func newFelix() (*felix, error) {
	f := &felix{config: config.New()}
	f.config.FelixHostname = node
	for _, made := range tiersByItself() {
		if err := f.add(&model.KVPair{Key: model.ResourceKey{Kind: v3.KindTier, Name: made.Name}, Value: made}); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// tiersByItself are the tiers that Calico makes (libcalico-go/lib/clientv3, EnsureInitialized).
func tiersByItself() []*v3.Tier {
	return []*v3.Tier{
		newTier(names.AdminNetworkPolicyTierName, v3.AdminNetworkPolicyTierOrder, v3.Pass),
		newTier(names.DefaultTierName, v3.DefaultTierOrder, v3.Deny),
		newTier(names.BaselineAdminNetworkPolicyTierName, v3.BaselineAdminNetworkPolicyTierOrder, v3.Pass),
	}
}

func newTier(name string, order float64, action v3.Action) *v3.Tier {
	tier := v3.NewTier()
	tier.Name, tier.Spec.Order, tier.Spec.DefaultAction = name, &order, &action
	return tier
}

// processor makes of an object of the API what Felix is sent of it; nil where that is the object itself.
func processor(kind string) watchersyncer.SyncerUpdateProcessor {
	switch kind {
	case v3.KindTier:
		return updateprocessors.NewTierUpdateProcessor()
	case v3.KindNetworkPolicy:
		return updateprocessors.NewNetworkPolicyUpdateProcessor()
	case v3.KindGlobalNetworkPolicy:
		return updateprocessors.NewGlobalNetworkPolicyUpdateProcessor()
	case v3.KindNetworkSet:
		return updateprocessors.NewNetworkSetUpdateProcessor()
	case v3.KindGlobalNetworkSet:
		return updateprocessors.NewGlobalNetworkSetUpdateProcessor()
	case v3.KindProfile:
		return updateprocessors.NewProfileUpdateProcessor()
	case libapiv3.KindWorkloadEndpoint:
		return updateprocessors.NewWorkloadEndpointUpdateProcessor()
	}
	return nil
}

// add sends Felix an object. What its filter would take for missing is an error.
func (f *felix) add(filed *model.KVPair) error {
	pairs := []*model.KVPair{filed}
	if key, ok := filed.Key.(model.ResourceKey); ok {
		if p := processor(key.Kind); p != nil {
			var err error
			if pairs, err = p.Process(filed); err != nil {
				return err
			}
		}
	}
	for _, pair := range pairs {
		update := api.Update{KVPair: *pair, UpdateType: api.UpdateTypeKVNew}
		passed := &sieve{}
		calc.NewValidationFilter(passed, f.config).OnUpdates([]api.Update{update})
		for _, through := range passed.updates {
			if update.Value != nil && through.Value == nil {
				return fmt.Errorf("Felix takes %v for missing", pair.Key)
			}
		}
		f.sent = append(f.sent, passed.updates...)
	}
	return nil
}

// sieve keeps what Felix's filter lets through.
type sieve struct{ updates []api.Update }

func (s *sieve) OnStatusUpdated(api.SyncStatus) {}
func (s *sieve) OnUpdates(updates []api.Update) { s.updates = append(s.updates, updates...) }

// store is what Felix would send to its dataplane, and to whoever asks what a connection gets.
func (f *felix) store() (*policystore.PolicyStore, error) {
	store := policystore.NewPolicyStore()
	sequencer := calc.NewEventSequencer(f.config)
	var unknown error
	sequencer.Callback = func(message any) {
		if update := toDataplane(message); update != nil {
			store.ProcessUpdate("per-host-policies", update, true)
		} else if _, ok := message.(*proto.HostEndpointUpdate); ok {
			unknown = errors.New("a host endpoint, which this judge does not know")
		}
	}
	graph := calc.NewCalculationGraph(sequencer, nil, f.config, func() {})
	graph.OnUpdates(f.sent)
	graph.OnStatusUpdated(api.InSync)
	graph.Flush()
	sequencer.Flush()
	return store, unknown
}

// toDataplane wraps what a store takes as it takes it; nil where it has no place for it.
func toDataplane(message any) *proto.ToDataplane {
	switch m := message.(type) {
	case *proto.IPSetUpdate:
		return &proto.ToDataplane{Payload: &proto.ToDataplane_IpsetUpdate{IpsetUpdate: m}}
	case *proto.IPSetDeltaUpdate:
		return &proto.ToDataplane{Payload: &proto.ToDataplane_IpsetDeltaUpdate{IpsetDeltaUpdate: m}}
	case *proto.ActivePolicyUpdate:
		return &proto.ToDataplane{Payload: &proto.ToDataplane_ActivePolicyUpdate{ActivePolicyUpdate: m}}
	case *proto.ActiveProfileUpdate:
		return &proto.ToDataplane{Payload: &proto.ToDataplane_ActiveProfileUpdate{ActiveProfileUpdate: m}}
	case *proto.WorkloadEndpointUpdate:
		return &proto.ToDataplane{Payload: &proto.ToDataplane_WorkloadEndpointUpdate{WorkloadEndpointUpdate: m}}
	case *proto.NamespaceUpdate:
		return &proto.ToDataplane{Payload: &proto.ToDataplane_NamespaceUpdate{NamespaceUpdate: m}}
	case *proto.ServiceAccountUpdate:
		return &proto.ToDataplane{Payload: &proto.ToDataplane_ServiceAccountUpdate{ServiceAccountUpdate: m}}
	}
	return nil
}
