package main

import (
	"encoding/json"
	"fmt"
	"log/slog"

	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	ipcachetypes "github.com/cilium/cilium/pkg/ipcache/types"
	"github.com/cilium/cilium/pkg/k8s"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2/validator"
	slimnetworkingv1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/networking/v1"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/cilium/cilium/pkg/policy/types"
	policyutils "github.com/cilium/cilium/pkg/policy/utils"
)

// document is a policy as it was given, and where the policy repository files it.
type document struct {
	content  []byte // with the API server's defaults
	kind     kind
	resource ipcachetypes.ResourceID
}

// kind is what the agent's watchers know of a kind of policy.
type kind struct {
	apiVersion string
	namespaced bool
	resource   ipcachetypes.ResourceKind
	schema     *crdSchema                             // nil where the kind is Kubernetes' own
	validate   func(*unstructured.Unstructured) error // nil likewise
	parse      func(logger *slog.Logger, cluster string, content []byte) (types.PolicyEntries, error)
}

// reader admits policies: first as the API server does, then as the agent does.
type reader struct {
	logger   *slog.Logger
	warnings *warnings
	kinds    map[string]kind
}

func newReader(logger *slog.Logger, warnings *warnings) (*reader, error) {
	schemas, err := validator.NewNPValidator(logger)
	if err != nil {
		return nil, err
	}
	namespaced, err := newCRDSchema(logger, client.CNPCRDName)
	if err != nil {
		return nil, err
	}
	clusterwide, err := newCRDSchema(logger, client.CCNPCRDName)
	if err != nil {
		return nil, err
	}
	return &reader{logger, warnings, map[string]kind{
		"CiliumNetworkPolicy": {
			"cilium.io/v2", true, ipcachetypes.ResourceKindCNP, namespaced, schemas.ValidateCNP,
			parseCilium[ciliumv2.CiliumNetworkPolicy],
		},
		"CiliumClusterwideNetworkPolicy": {
			"cilium.io/v2", false, ipcachetypes.ResourceKindCCNP, clusterwide, schemas.ValidateCCNP,
			parseCilium[ciliumv2.CiliumClusterwideNetworkPolicy],
		},
		"NetworkPolicy": {
			"networking.k8s.io/v1", true, ipcachetypes.ResourceKindNetpol, nil, nil, parseNative,
		},
	}}, nil
}

// admit refuses what the API server or the agent would refuse, and what the agent would take with a warning.
func (r *reader) admit(content []byte, cluster string) (*document, error) {
	r.warnings.take() // what was refused may have left some, which are not about this one
	object := &unstructured.Unstructured{}
	if err := strictly(content, &object.Object); err != nil {
		return nil, err
	}
	k, ok := r.kinds[object.GetKind()]
	if !ok || object.GetAPIVersion() != k.apiVersion {
		return nil, fmt.Errorf("no policy that is judged here: %s %q", object.GetAPIVersion(), object.GetKind())
	}
	if err := k.checkMetadata(object); err != nil {
		return nil, err
	}
	if k.schema != nil {
		if err := k.schema.complete(object.Object); err != nil {
			return nil, err
		}
		if err := k.validate(object); err != nil {
			return nil, err
		}
		if err := k.schema.checkRules(object.Object); err != nil {
			return nil, err
		}
	}
	completed, err := json.Marshal(object.Object)
	if err != nil {
		return nil, err
	}
	d := &document{
		completed, k, ipcachetypes.NewResourceID(k.resource, object.GetNamespace(), object.GetName()),
	}
	if _, err := r.entries(d, cluster); err != nil {
		return nil, err
	}
	return d, nil
}

// entries is what the agent's watcher adds to the policy repository. Each call gives new ones, as the repository
// may keep and change what it is given.
func (r *reader) entries(d *document, cluster string) (types.PolicyEntries, error) {
	entries, err := d.kind.parse(r.logger, cluster, d.content)
	if warned := r.warnings.take(); err == nil {
		err = warned
	}
	return entries, err
}

// checkMetadata does as the API server does with every custom resource, and with a NetworkPolicy.
func (k kind) checkMetadata(object *unstructured.Unstructured) error {
	return validation.ValidateObjectMetaAccessor(
		object, k.namespaced, validation.NameIsDNSSubdomain, field.NewPath("metadata"),
	).ToAggregate()
}

// parser is what CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy have in common. Parse sanitizes.
type parser[T any] interface {
	*T
	metav1.Object
	Parse(logger *slog.Logger, cluster string) (api.Rules, error)
}

func parseCilium[T any, P parser[T]](logger *slog.Logger, cluster string, content []byte) (types.PolicyEntries, error) {
	policy := P(new(T))
	if err := strictly(content, policy); err != nil {
		return nil, err
	}
	rules, err := policy.Parse(logger, cluster)
	if err != nil {
		return nil, err
	}
	return policyutils.RulesToPolicyEntries(rules), nil
}

func parseNative(logger *slog.Logger, cluster string, content []byte) (types.PolicyEntries, error) {
	policy := &slimnetworkingv1.NetworkPolicy{}
	if err := strictly(content, policy); err != nil {
		return nil, err
	}
	return k8s.ParseNetworkPolicy(logger, cluster, policy)
}

// strictly refuses unknown fields and keys given twice, and tells apart upper and lower case.
func strictly(content []byte, into any) error {
	faults, err := kjson.UnmarshalStrict(content, into)
	if err == nil && len(faults) > 0 {
		err = faults[0]
	}
	return err
}
