package main

import (
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"
)

const group = "security.istio.io"

// reader admits policies: first as the API server does, then as istiod's webhook does.
type reader struct{ schemas map[string]*crdSchema }

func newReader() (*reader, error) {
	schemas, err := newCRDSchemas("AuthorizationPolicy", "PeerAuthentication")
	return &reader{schemas}, err
}

// finding is what there is against a document: an error means that it is not admitted.
type finding struct {
	Error    string   `json:"error"`
	Warnings []string `json:"warnings"`
}

// admit gives the object as istiod has it, and what the webhook warns of.
func (r *reader) admit(content []byte) (*config.Config, []string, error) {
	object := &unstructured.Unstructured{}
	if err := strictly(content, &object.Object); err != nil {
		return nil, nil, err
	}
	kind := object.GetAPIVersion() + " " + object.GetKind()
	s, ok := r.schemas[kind]
	if !ok {
		return nil, nil, fmt.Errorf("no policy that is judged here: %q", kind)
	}
	if err := checkMetadata(object); err != nil {
		return nil, nil, err
	}
	if err := s.admit(object.Object); err != nil {
		return nil, nil, err
	}
	return convert(object)
}

// convert decodes and validates as the webhook does.
func convert(object *unstructured.Unstructured) (*config.Config, []string, error) {
	completed, err := json.Marshal(object.Object)
	if err != nil {
		return nil, nil, err
	}
	istio := &crd.IstioKind{}
	if err := json.Unmarshal(completed, istio); err != nil {
		return nil, nil, err
	}
	gvk := istio.GroupVersionKind()
	kind, ok := collections.Pilot.FindByGroupVersionAliasesKind(resource.FromKubernetesGVK(&gvk))
	if !ok {
		return nil, nil, fmt.Errorf("istiod does not know %s", gvk)
	}
	c, err := crd.ConvertObject(kind, istio, "cluster.local")
	if err != nil {
		return nil, nil, err
	}
	warning, err := kind.ValidateConfig(*c)
	if err != nil {
		return nil, nil, err
	}
	if warning != nil {
		return c, []string{warning.Error()}, nil
	}
	return c, []string{}, nil
}

// checkMetadata does as the API server does with every custom resource.
func checkMetadata(object *unstructured.Unstructured) error {
	return validation.ValidateObjectMetaAccessor(
		object, true, validation.NameIsDNSSubdomain, field.NewPath("metadata"),
	).ToAggregate()
}

// strictly refuses unknown fields and keys given twice, and tells apart upper and lower case.
func strictly(content []byte, into any) error {
	faults, err := kjson.UnmarshalStrict(content, into)
	if err == nil && len(faults) > 0 {
		err = faults[0]
	}
	return err
}

// born is when the object of this number was created: each a second after the one before.
func born(number int) time.Time { return time.Unix(int64(1000+number), 0) }
