package main

import (
	"errors"
	"fmt"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/projectcalico/calico/libcalico-go/lib/backend/k8s/conversion"
	"github.com/projectcalico/calico/libcalico-go/lib/backend/model"
	calicoerrors "github.com/projectcalico/calico/libcalico-go/lib/errors"
	"github.com/projectcalico/calico/libcalico-go/lib/names"
	validator "github.com/projectcalico/calico/libcalico-go/lib/validator/v3"
)

// object is what every document here is read into.
type object interface{ metav1.Object }

// kind is what the API server knows of a kind of object.
type kind struct {
	namespaced bool
	make       func() object
}

var kinds = map[string]kind{
	v3.KindTier:                          {false, func() object { return v3.NewTier() }},
	v3.KindNetworkPolicy:                 {true, func() object { return v3.NewNetworkPolicy() }},
	v3.KindGlobalNetworkPolicy:           {false, func() object { return v3.NewGlobalNetworkPolicy() }},
	v3.KindStagedNetworkPolicy:           {true, func() object { return v3.NewStagedNetworkPolicy() }},
	v3.KindStagedGlobalNetworkPolicy:     {false, func() object { return v3.NewStagedGlobalNetworkPolicy() }},
	v3.KindStagedKubernetesNetworkPolicy: {true, func() object { return v3.NewStagedKubernetesNetworkPolicy() }},
	v3.KindNetworkSet:                    {true, func() object { return v3.NewNetworkSet() }},
	v3.KindGlobalNetworkSet:              {false, func() object { return v3.NewGlobalNetworkSet() }},
}

var native = kind{true, func() object { return &networkingv1.NetworkPolicy{} }}

// document is an object, and how Calico's datastore files it.
type document struct {
	object object
	filed  *model.KVPair
	staged bool
}

// read decodes strictly and completes: what clientv3 does before it validates.
func read(content []byte) (*document, error) {
	var header metav1.TypeMeta
	if err := kjson.UnmarshalCaseSensitivePreserveInts(content, &header); err != nil {
		return nil, err
	}
	k, ok := kinds[header.Kind]
	switch header.APIVersion {
	case v3.GroupVersionCurrent:
	case networkingv1.SchemeGroupVersion.String():
		k, ok = native, header.Kind == "NetworkPolicy"
	default:
		ok = false
	}
	if !ok {
		return nil, fmt.Errorf("no object that is judged here: %s %q", header.APIVersion, header.Kind)
	}
	o := k.make()
	if err := strictly(content, o); err != nil {
		return nil, err
	}
	// As the API server does with every object.
	faults := validation.ValidateObjectMetaAccessor(o, k.namespaced, path.ValidatePathSegmentName, field.NewPath("metadata"))
	if err := faults.ToAggregate(); err != nil {
		return nil, err
	}
	if policy, ok := o.(*networkingv1.NetworkPolicy); ok {
		filed, err := conversion.NewConverter().K8sNetworkPolicyToCalico(policy)
		return &document{o, filed, false}, err
	}
	complete(o)
	key := model.ResourceKey{Kind: header.Kind, Name: o.GetName(), Namespace: o.GetNamespace()}
	staged := strings.HasPrefix(header.Kind, "Staged")
	return &document{o, &model.KVPair{Key: key, Value: o}, staged}, nil
}

// complete repeats libcalico-go/lib/clientv3: defaultPolicyTypesField, which is not exported, and what stands before it.
func complete(o object) {
	switch o := o.(type) {
	case *v3.Tier:
		if o.Spec.DefaultAction == nil {
			deny := v3.Deny
			o.Spec.DefaultAction = &deny
		}
	case *v3.NetworkPolicy:
		completeTypes(o.Spec.Ingress, o.Spec.Egress, &o.Spec.Types)
	case *v3.GlobalNetworkPolicy:
		completeTypes(o.Spec.Ingress, o.Spec.Egress, &o.Spec.Types)
	case *v3.StagedNetworkPolicy:
		if completeAction(&o.Spec.StagedAction) {
			completeTypes(o.Spec.Ingress, o.Spec.Egress, &o.Spec.Types)
		}
	case *v3.StagedGlobalNetworkPolicy:
		if completeAction(&o.Spec.StagedAction) {
			completeTypes(o.Spec.Ingress, o.Spec.Egress, &o.Spec.Types)
		}
	case *v3.StagedKubernetesNetworkPolicy:
		completeAction(&o.Spec.StagedAction)
	}
}

func completeTypes(ingress, egress []v3.Rule, types *[]v3.PolicyType) {
	switch {
	case len(*types) > 0:
	case len(egress) == 0:
		*types = []v3.PolicyType{v3.PolicyTypeIngress}
	case len(ingress) == 0:
		*types = []v3.PolicyType{v3.PolicyTypeEgress}
	default:
		*types = []v3.PolicyType{v3.PolicyTypeIngress, v3.PolicyTypeEgress}
	}
}

func completeAction(action *v3.StagedAction) (set bool) {
	if *action == "" {
		*action = v3.StagedActionSet
	}
	return *action != v3.StagedActionDelete
}

// check is what clientv3 asks of an object before it stores it, and in the same order.
func (d *document) check(tiers map[string]bool) error {
	tier, tiered := tierOf(d.object)
	if tiered && !tiers[tier] {
		return fmt.Errorf("tier %q does not exist", tier)
	}
	if _, ok := d.object.(*networkingv1.NetworkPolicy); ok {
		return nil
	}
	if err := validator.Validate(d.object); err != nil {
		return inWords(err)
	}
	if tiered {
		return names.ValidateTieredPolicyName(d.object.GetName(), tier)
	}
	return nil
}

func tierOf(o object) (tier string, tiered bool) {
	switch o := o.(type) {
	case *v3.NetworkPolicy:
		return names.TierOrDefault(o.Spec.Tier), true
	case *v3.GlobalNetworkPolicy:
		return names.TierOrDefault(o.Spec.Tier), true
	case *v3.StagedNetworkPolicy:
		return names.TierOrDefault(o.Spec.Tier), true
	case *v3.StagedGlobalNetworkPolicy:
		return names.TierOrDefault(o.Spec.Tier), true
	}
	return "", false
}

// inWords says of each field what Calico has against it.
func inWords(err error) error {
	var invalid calicoerrors.ErrorValidation
	if !errors.As(err, &invalid) {
		return err
	}
	var faults []string
	for _, fault := range invalid.ErroredFields {
		faults = append(faults, fmt.Sprintf("%s: %s (%v)", fault.Name, fault.Reason, fault.Value))
	}
	return errors.New(strings.Join(faults, "; "))
}

// strictly refuses unknown fields and keys given twice, and tells apart upper and lower case.
func strictly(content []byte, into any) error {
	faults, err := kjson.UnmarshalStrict(content, into)
	if err == nil && len(faults) > 0 {
		err = faults[0]
	}
	return err
}
